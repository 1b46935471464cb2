//! Dialogue: a node of a Yarn file, as steps that can be taken one by one.
//!
//! Writers write Yarn; what stands here is made of it where a world folder is read, and is what journals and snapshots hold. So a
//! realm goes on with what its dialogue said, whatever becomes of the compiler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;

/// What dialogue may do in a world.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DialogueWorldDef {
    /// The commands that Yarn files may give, by their first word: `commands: [give, camera]`. A game follows them in the view
    /// `dialogue_lines`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

impl DialogueWorldDef {
    pub(super) fn is_default(&self) -> bool {
        *self == DialogueWorldDef::default()
    }
}

/// A node of a Yarn file. Its id is its title.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DialogueDef {
    /// What is done, in this order unless a step says otherwise.
    pub steps: Vec<StepDef>,
    /// The conditions that its formulas name by their places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A step of a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDef {
    /// A line is said.
    Line(LineDef),
    /// The player is to choose; what was chosen goes on where it says.
    Choose(Vec<OptionDef>),
    /// Goes on with the next step if it holds, otherwise with another.
    If {
        /// What must hold.
        when: Formula,
        /// The other step.
        otherwise: u32,
    },
    /// Goes on with another step.
    Go(u32),
    /// A fact becomes something.
    Set {
        /// Which.
        fact: String,
        /// What.
        to: Formula,
    },
    /// Something is added to a fact.
    Add {
        /// Which.
        fact: String,
        /// How much.
        by: Formula,
    },
    /// The game is told to do something.
    Command(LineDef),
    /// The node counts as visited once more.
    Visit,
    /// Goes on at the beginning of another node.
    Jump(String),
    /// Nothing more is said.
    Stop,
}

/// A text with values in it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LineDef {
    /// Its key among the texts of the world; a command has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Who says it, as the file has it before the colon.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub speaker: String,
    /// The text in the language of the file; `{0}` is the first value.
    pub text: String,
    /// The values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Formula>,
}

/// What a player may choose.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionDef {
    /// What it says.
    pub line: LineDef,
    /// What must hold for it to be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Formula>,
    /// The step that it leads to.
    pub to: u32,
    /// It decides nothing: it may be chosen again, beside the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub free: bool,
}

/// What can be worked out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formula {
    /// A number, in millionths.
    Number(i64),
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// What a fact is.
    Fact(String),
    /// Whether a condition holds: its place in the node's list.
    Holds(u32),
    /// How often a node has been visited.
    Visits(String),
    /// A function of others.
    Of(Function, Vec<Formula>),
}

/// A function or an operator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `+`, of numbers and of texts.
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `-` before a number.
    Negate,
    /// `and`
    And,
    /// `or`
    Or,
    /// `xor`
    Xor,
    /// `not`
    Not,
    /// `dice(sides)`: from 1 to so many.
    Dice,
    /// `random_range(from, to)`: a whole number, both included.
    RandomRange,
    /// `floor`
    Floor,
    /// `ceil`
    Ceil,
    /// `round`, halves away from zero.
    Round,
    /// `int`: without the fraction.
    Int,
    /// `string`
    Text,
}
