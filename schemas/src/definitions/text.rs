//! Texts that players see: in which languages, and what stands in a file of them.
//!
//! Whether a text is well written is decided where a world folder is loaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The languages of a world: `{source: en, locales: [de, fr]}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextLocales {
    /// The language that the files of the world are written in: `source: en`.
    pub source: String,
    /// The languages that it is translated to, each in `text/<locale>.yaml`: `locales: [de, fr, pl, ja]`.
    #[serde(default)]
    pub locales: Vec<String>,
    /// The fact of a player, a text, that says in which of them they read; without it everyone reads the source:
    /// `fact: language`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<String>,
}

/// A text of `text/<locale>.yaml`, in ICU MessageFormat: `"Hello, {name}"`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TextDef {
    /// The text alone.
    Plain(String),
    /// The text, and what is known of it.
    Noted(NotedText),
}

/// A text, and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotedText {
    /// The text: `text: "Hello, {name}"`.
    pub text: String,
    /// Of a translation: of which source text it was made, as eight digits that the commands of `worldflow text` write:
    /// `of: "1f3a9c20"`. When the source text is another, the translation is stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// For whoever translates: `note: on a button, so keep it short`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
