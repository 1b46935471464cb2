//! What NPCs and players may say: `guard:` and `moderation:` in the world file, and `guard:` of an NPC.
//!
//! The types say what is asked for; the rules themselves are those of edges, which alone see words.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;

/// What models may make NPCs say. Every rule has a default, so that a world without `guard:` is guarded too.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GuardDef {
    /// Terms that nobody says, by language; under `"*"` in every one: `banned: {en: [dragonspit, "curs*"], "*": [acme]}`. A
    /// term is found between borders of words, in either case and in disguise; `*` at an end of it stands for any letters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub banned: BTreeMap<String, Vec<String>>,
    /// How long a line may be: `most: {graphemes: 300, sentences: 4}`.
    pub most: MostSaid,
    /// How long one may be that is said in passing: `bark: {graphemes: 120, sentences: 2}`.
    pub bark: MostSaid,
    /// The emotions there are; the first is shown for any other: `emotions: [neutral, happy, angry]`.
    pub emotions: Vec<String>,
    /// The actions that a line may come with: `actions: [wave, point, give]`. None when absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// The most that one line refers to, of entities, NPCs and quests: `refs: 8`.
    pub refs: u32,
    /// So many of a hundred letters are at least of the script of the session's language: `script_percent: 70`; 0 allows all.
    pub script_percent: u32,
    /// What gives a model away: `leaks: {phrases: [as your assistant], echo_words: 8}`.
    pub leaks: LeaksDef,
    /// How much of what the NPC has said last it may say again: `repetition: {percent: 60, lines: 8}`.
    pub repetition: RepetitionDef,
}

impl Default for GuardDef {
    fn default() -> GuardDef {
        let emotions = ["neutral", "happy", "sad", "angry", "afraid", "surprised", "disgusted"];
        GuardDef {
            banned: BTreeMap::new(),
            most: MostSaid { graphemes: 300, sentences: 4 },
            bark: MostSaid { graphemes: 120, sentences: 2 },
            emotions: emotions.map(str::to_owned).to_vec(),
            actions: Vec::new(),
            refs: 8,
            script_percent: 70,
            leaks: LeaksDef::default(),
            repetition: RepetitionDef::default(),
        }
    }
}

impl GuardDef {
    /// Whether nothing in it differs from what a world has that says nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == GuardDef::default()
    }
}

/// How much is said at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MostSaid {
    /// Characters as readers count them, an accent or a flag with what it stands on: `graphemes: 300`.
    pub graphemes: u32,
    /// Sentences: `sentences: 4`.
    pub sentences: u32,
}

/// What gives a model away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeaksDef {
    /// Phrases besides those that every world has, such as `as an AI`: `phrases: [as your assistant]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<String>,
    /// So many words in a row that stand in the system message so are an echo of it: `echo_words: 8`; 0 allows all.
    pub echo_words: u32,
}

impl Default for LeaksDef {
    fn default() -> LeaksDef {
        LeaksDef { phrases: Vec::new(), echo_words: 8 }
    }
}

/// How much may be said again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepetitionDef {
    /// A sentence is a repetition when so many of a hundred of its runs of three words have been said: `percent: 60`; 0
    /// allows all.
    pub percent: u32,
    /// In so many of the last lines: `lines: 8`.
    pub lines: u32,
}

impl Default for RepetitionDef {
    fn default() -> RepetitionDef {
        RepetitionDef { percent: 60, lines: 8 }
    }
}

/// What of the world's `guard:` is otherwise for one NPC.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NpcGuardDef {
    /// How long its lines may be: `most: {graphemes: 80, sentences: 1}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<MostSaid>,
    /// The emotions it has, the first for any other: `emotions: [calm, stern]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emotions: Option<Vec<String>>,
    /// The actions it may do: `actions: [salute]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<String>>,
    /// How much it may say again, for one that is meant to: `repetition: {percent: 0}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<RepetitionDef>,
}

impl NpcGuardDef {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == NpcGuardDef::default()
    }
}

/// Who looks at what players say, before anything keeps or reads it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ModerationDef {
    /// The banned terms of `guard:`, of every language, since nobody knows in which one a player writes: `moderation: local`.
    #[default]
    Local,
    /// These terms, and then a service with OpenAI's moderation API:
    /// `moderation: {http: {url: "https://moderator.example/v1/moderations", key: "${MODERATION_KEY}", timeout: 500ms}}`.
    Http(HttpModerationDef),
}

impl ModerationDef {
    /// Whether nobody but this process is asked.
    #[must_use]
    pub fn is_local(&self) -> bool {
        *self == ModerationDef::Local
    }
}

/// A service that judges texts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpModerationDef {
    /// Its whole address: `url: "https://moderator.example/v1/moderations"`.
    pub url: String,
    /// The model asked for, where it has several: `model: omni-moderation-latest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The key, by reference: `key: "${MODERATION_KEY}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What has not been judged by then is not said; real time: `timeout: 500ms`.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn timeout() -> Span {
    Span { ms: 500, world: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `examples` of the docs above say, each read as it stands there.
    #[test]
    fn every_example_of_the_docs_is_read() {
        let guard = serde_json::json!({
            "banned": {"en": ["dragonspit", "curs*"], "*": ["acme"]},
            "most": {"graphemes": 300, "sentences": 4},
            "bark": {"graphemes": 120, "sentences": 2},
            "emotions": ["neutral", "happy", "angry"],
            "actions": ["wave", "point", "give"],
            "refs": 8,
            "script_percent": 70,
            "leaks": {"phrases": ["as your assistant"], "echo_words": 8},
            "repetition": {"percent": 60, "lines": 8}
        });
        let read: GuardDef = serde_json::from_value(guard.clone()).expect("it is one");
        assert_eq!(serde_json::to_value(&read).expect("plain data"), guard);
        let npc = serde_json::json!({
            "most": {"graphemes": 80, "sentences": 1}, "emotions": ["calm", "stern"],
            "actions": ["salute"], "repetition": {"percent": 0}
        });
        assert!(serde_json::from_value::<NpcGuardDef>(npc).is_ok_and(|npc| !npc.is_empty()));
        let http = serde_json::json!({"http": {
            "url": "https://moderator.example/v1/moderations", "key": "${MODERATION_KEY}", "timeout": "500ms"
        }});
        let read: ModerationDef = serde_json::from_value(http.clone()).expect("it is one");
        assert_eq!(serde_json::to_value(&read).expect("plain data"), http);
        assert_eq!(serde_json::from_value::<ModerationDef>("local".into()).ok(), Some(ModerationDef::Local));
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let empty: GuardDef = serde_json::from_value(serde_json::json!({})).expect("it is one");
        assert!(empty.is_default() && empty.emotions[0] == "neutral" && empty.script_percent == 70);
        assert!(serde_json::from_value::<GuardDef>(serde_json::json!({"bannd": {}})).is_err());
    }
}
