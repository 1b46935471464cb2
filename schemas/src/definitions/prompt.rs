//! Prompts: what a model is told and asked, section by section, and what of the world it may read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::ordered::Ordered;

/// A prompt. Its id is its key in the file and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptDef {
    /// One line, for those who read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// For whom an answer is made. What is for a place reads nothing that is one player's, and all who ask there share it; each line
    /// is still one player's: `audience: place`.
    #[serde(default)]
    pub audience: Audience,
    /// What of the world it reads; sections may say nothing else: `context: [phase, fact.trust, rows.memories, said]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
    /// What is read of a number, by the least of each band, so that not every change of it is another question:
    /// `bands: {fact.trust: {stranger: 0, friend: 20}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bands: BTreeMap<String, BTreeMap<String, i64>>,
    /// How many rows of a view are read at most, the first by their key; 8 without it: `at_most: {rows.memories: 3}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at_most: BTreeMap<String, u32>,
    /// What is told and asked, in this order: `sections: {who: {text: "You are the smith."}}`.
    pub sections: Ordered<SectionDef>,
    /// The most tokens of all sections together; without it what the tier's context holds: `most: 600`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// In which form the model answers: `answers: object`.
    #[serde(default)]
    pub answers: Answers,
    /// How the model draws its words: `sampling: {temperature: 0.7}`.
    #[serde(default, skip_serializing_if = "SamplingDef::is_usual")]
    pub sampling: SamplingDef,
    /// The longest answer in tokens; without it the NPC's: `max_tokens: 48`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

impl PromptDef {
    /// How many rows are read where nothing says so.
    pub const USUAL_ROWS: u32 = 8;
    /// The most rows of a view that a prompt reads.
    pub const MOST_ROWS: u32 = 32;

    /// How many rows it reads at most by a name of its context.
    #[must_use]
    pub fn most_rows(&self, name: &str) -> usize {
        let most = self.at_most.get(name).copied().unwrap_or(Self::USUAL_ROWS);
        usize::try_from(most.min(Self::MOST_ROWS)).unwrap_or(0)
    }

    /// The views of which it reads rows.
    pub fn views(&self) -> impl Iterator<Item = &str> {
        self.context.iter().filter_map(|name| match Reads::of(name) {
            Some(Reads::Rows(view)) => Some(view),
            _ => None,
        })
    }
}

/// For whom an answer is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// One player.
    #[default]
    Player,
    /// Everyone in the region alike.
    Place,
}

/// In which form a model answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// With the line alone.
    #[default]
    Line,
    /// With a JSON object: emotion, action, refs, line. The servers must know `response_format`.
    Object,
}

impl Answers {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Answers::Line => "line",
            Answers::Object => "object",
        }
    }
}

/// A part of a prompt.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionDef {
    /// Whose words it is to the model. Sections of one role in a row are one message: `role: user`.
    #[serde(default)]
    pub role: Role,
    /// What it says; `{name}` is replaced by what `context` reads: `text: "It is {phase}."`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// In place of a text, so many pieces of what the NPC knows that fit best what the player said: `lore: 3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lore: Option<u32>,
    /// The most tokens of it: `most: 120`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// What goes where it is too long: `cut: start`.
    #[serde(default, skip_serializing_if = "Cut::is_end")]
    pub cut: Cut,
    /// Which sections give way when all are too long together: those of the highest number first; without it, never:
    /// `gives_way: 2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives_way: Option<u32>,
}

/// Whose words a section is to a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever set the model up.
    #[default]
    System,
    /// Whoever speaks to it.
    User,
    /// Its own, from before.
    Assistant,
}

impl Role {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// What goes of a text that is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Its end.
    #[default]
    End,
    /// Its start.
    Start,
    /// All of it.
    Whole,
}

impl Cut {
    fn is_end(&self) -> bool {
        *self == Cut::End
    }
}

/// How a model draws its words. What is absent is left to the server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingDef {
    /// 0 to 2: `temperature: 0.7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub temperature: Option<Number>,
    /// 0 to 1: `top_p: 0.9`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub top_p: Option<Number>,
    /// Of how many words it draws: `top_k: 40`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// -2 to 2: `frequency_penalty: 0.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub frequency_penalty: Option<Number>,
    /// -2 to 2: `presence_penalty: 0.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub presence_penalty: Option<Number>,
    /// Words at which it stops, at most 4: `stop: ["\n"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

impl SamplingDef {
    /// Whether all is left to the server.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == SamplingDef::default()
    }
}

/// What a name of `context` reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads<'n> {
    /// The player's id.
    Player,
    /// What the player said.
    Said,
    /// What was said last between the two.
    Lines,
    /// The phase of the day.
    Phase,
    /// The season.
    Season,
    /// The kind of weather where the talk is.
    Weather,
    /// The region.
    Region,
    /// The player's level.
    Level,
    /// The language in which the player reads.
    Locale,
    /// A fact.
    Fact(&'n str),
    /// How the player stands with a quest.
    Quest(&'n str),
    /// The rows of a view of the world's own that are of the player, of who speaks, or everybody's.
    Rows(&'n str),
}

impl<'n> Reads<'n> {
    /// Names of what is read without more.
    pub const PLAIN: [&'static str; 9] =
        ["player", "said", "lines", "phase", "season", "weather", "region", "level", "locale"];

    /// The name of who speaks, which every section may say.
    pub const NPC: &'static str = "npc";

    /// What a name reads, if it names anything.
    #[must_use]
    pub fn of(name: &'n str) -> Option<Reads<'n>> {
        Some(match name {
            "player" => Reads::Player,
            "said" => Reads::Said,
            "lines" => Reads::Lines,
            "phase" => Reads::Phase,
            "season" => Reads::Season,
            "weather" => Reads::Weather,
            "region" => Reads::Region,
            "level" => Reads::Level,
            "locale" => Reads::Locale,
            _ => match name.split_once('.')? {
                ("fact", fact) if !fact.is_empty() => Reads::Fact(fact),
                ("quest", quest) if !quest.is_empty() => Reads::Quest(quest),
                ("rows", view) if !view.is_empty() => Reads::Rows(view),
                _ => return None,
            },
        })
    }

    /// Whether it is always one player's. A fact is when its scope says so, and rows are when their columns do.
    #[must_use]
    pub fn is_of_player(self) -> bool {
        matches!(self, Reads::Player | Reads::Said | Reads::Lines | Reads::Level | Reads::Quest(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_context() {
        for name in Reads::PLAIN {
            assert!(Reads::of(name).is_some(), "{name}");
        }
        assert_eq!(Reads::of("fact.trust"), Some(Reads::Fact("trust")));
        assert_eq!(Reads::of("quest.wolves"), Some(Reads::Quest("wolves")));
        assert_eq!(Reads::of("rows.memories"), Some(Reads::Rows("memories")));
        for name in ["fact.", "fact", "trust", "rows.", "view.x", ""] {
            assert_eq!(Reads::of(name), None, "{name}");
        }
    }

    #[test]
    fn rows_are_read_within_bounds() {
        let def = r#"{"context": ["rows.a", "phase", "rows.b", "rows.c"], "at_most": {"rows.b": 3, "rows.c": 900}, "sections": {}}"#;
        let def: PromptDef = serde_json::from_str(def).expect("a prompt");
        assert_eq!(def.views().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(["rows.a", "rows.b", "rows.c"].map(|name| def.most_rows(name)), [8, 3, 32]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = r#"{
            "audience": "place", "context": ["phase", "fact.mood", "rows.a"], "bands": {"fact.mood": {"low": 0}}, "at_most": {"rows.a": 3},
            "sections": {"who": {"text": "You are {npc}."}, "ask": {"role": "user", "text": "?", "cut": "start"}},
            "answers": "object", "sampling": {"temperature": 0.7, "stop": ["\n"]}
        }"#;
        let def: PromptDef = serde_json::from_str(written).expect("a prompt");
        let text = serde_json::to_string(&def).expect("plain data");
        assert_eq!(serde_json::from_str::<PromptDef>(&text).expect("a prompt"), def);
        let order: Vec<&str> = def.sections.iter().map(|(id, _)| id).collect();
        assert_eq!(order, ["who", "ask"]);
    }
}
