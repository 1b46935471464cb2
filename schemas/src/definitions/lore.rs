//! Lore: documents that NPCs may know, and how a world's lore is searched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_or_many::OneOrMany;

/// A document of lore: the text of a file, and what its head says of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoreDef {
    /// The text, in Markdown.
    pub text: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Which NPCs know it, by id or by tag; everyone when absent, nobody when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_by: Option<Vec<String>>,
    /// The language that it is written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl LoreDef {
    /// A document of a text and what stands at the head of its file.
    #[must_use]
    pub fn new(head: LoreHeadDef, text: String) -> LoreDef {
        let LoreHeadDef { topics, known_by, locale } = head;
        let known_by = known_by.map(|known_by| known_by.as_slice().to_vec());
        LoreDef { text, topics: topics.as_slice().to_vec(), known_by, locale }
    }
}

/// The head of a document of lore: YAML between two lines `---` at the beginning of its file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoreHeadDef {
    /// What it is about.
    pub topics: OneOrMany<String>,
    /// Which NPCs know it, by id or by tag. Everyone when absent; nobody when the list is empty.
    pub known_by: Option<OneOrMany<String>>,
    /// The language that it is written in, such as `en`.
    pub locale: Option<String>,
}

/// How a world's lore is searched, and whose lore it has besides its own: `lore:` in the world file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoreIndexDef {
    /// What makes chunks and questions comparable.
    pub embedder: EmbedderDef,
    /// Folders of lore that several worlds share, relative to the world's own: `[../lore/old_kingdom]`. The last part
    /// of a path is the first of the ids of its documents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
}

impl LoreIndexDef {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == LoreIndexDef::default()
    }
}

/// What makes chunks and questions comparable.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum EmbedderDef {
    /// Their words, ranked by BM25. Needs nothing else.
    #[default]
    Lexical,
    /// A tier that answers `/v1/embeddings`, from `tiers`.
    Tier(String),
    /// A model that runs in this process.
    Onnx(OnnxDef),
}

/// A model in ONNX that makes vectors of texts, run by ONNX Runtime, a library that is loaded when the first text is
/// embedded. A path is relative to the world's folder, or a reference to a variable that holds it: `${LORE_MODEL}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnnxDef {
    /// The path of the model, an ONNX file.
    pub model: String,
    /// The path of the model's tokenizer, `tokenizer.json`.
    pub tokenizer: String,
    /// The path of ONNX Runtime's library. When absent: what the variable `ORT_DYLIB_PATH` says, or else the library that
    /// the system has under its usual name, such as `libonnxruntime.so`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// How many tokens of a text count at most; 256 when absent. No more than the model reads.
    #[serde(default = "most_tokens", skip_serializing_if = "is_usual_most_tokens")]
    pub most_tokens: u32,
    /// What makes one vector of those of the tokens, where the model gives these.
    #[serde(default, skip_serializing_if = "PoolingDef::is_usual")]
    pub pooling: PoolingDef,
    /// How many threads the model is run on; 1 when absent.
    #[serde(default = "threads", skip_serializing_if = "is_one")]
    pub threads: u32,
}

/// What makes one vector of those of the tokens of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolingDef {
    /// Their mean.
    #[default]
    Mean,
    /// The first token's, which stands for the whole text in some models.
    Cls,
}

impl PoolingDef {
    /// Whether it is what absent means.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == PoolingDef::default()
    }
}

fn most_tokens() -> u32 {
    256
}

fn is_usual_most_tokens(tokens: &u32) -> bool {
    *tokens == most_tokens()
}

fn threads() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedder_is_a_word_or_names_its_tier() {
        let read = |json: &str| serde_json::from_str::<LoreIndexDef>(json);
        assert_eq!(read("{}").expect("nothing is needed").embedder, EmbedderDef::Lexical);
        let tier = read(r#"{"embedder": {"tier": "vectors"}}"#).expect("a tier").embedder;
        assert_eq!(tier, EmbedderDef::Tier("vectors".to_owned()));
        assert!(read(r#"{"embedder": "tier"}"#).is_err());
        let onnx = r#"{"embedder":{"onnx":{"model":"m.onnx","tokenizer":"t.json"}}}"#;
        let read = read(onnx).expect("a model");
        let EmbedderDef::Onnx(def) = &read.embedder else { panic!("{read:?}") };
        assert_eq!((def.most_tokens, def.threads, def.pooling), (256, 1, PoolingDef::Mean));
        assert_eq!(serde_json::to_string(&read).expect("plain data"), onnx, "what is usual is not written");
    }

    #[test]
    fn an_empty_list_of_who_knows_it_is_not_everyone() {
        let read = |json: &str| LoreDef::new(serde_json::from_str(json).expect("a head"), String::new());
        assert_eq!(read("{}").known_by, None);
        assert_eq!(read(r#"{"known_by": []}"#).known_by, Some(Vec::new()));
        assert_eq!(read(r#"{"known_by": "wise"}"#).known_by, Some(vec!["wise".to_owned()]));
        let json = serde_json::to_string(&read(r#"{"known_by": []}"#)).expect("plain data");
        assert_eq!(serde_json::from_str::<LoreDef>(&json).expect("read back").known_by, Some(Vec::new()));
    }
}
