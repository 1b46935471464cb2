//! What of a world leads to what: prerequisites, choices, effects, rules, arcs and NPCs, as a graph that can be drawn.
//!
//! `LoadedWorld ─collect→ Relations ─layout→ SVG`, or `─→ DOT`. It shows what is written down; what comes of it in a realm
//! is the business of `worldflow explain`.

mod arcs;
mod collect;
mod dot;
mod labels;
mod layout;
mod named;
mod svg;

pub use collect::relations;
pub use dot::dot;
pub use svg::svg;

/// A graph.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Relations {
    /// The world's name.
    pub world: String,
    /// What there is, quests first.
    pub nodes: Vec<Node>,
    /// What leads to what, by places in `nodes`.
    pub edges: Vec<Edge>,
    /// The files in which quests, rules, arcs and NPCs stand.
    pub files: Vec<String>,
}

/// Something of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its id, which is one among those of its kind.
    pub id: String,
    /// What players see of it, or what it is for.
    pub title: String,
    /// What else is to be known of it, a line each.
    pub lines: Vec<String>,
    /// The place of its file.
    pub file: Option<usize>,
}

/// What something of a world is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A quest.
    Quest,
    /// A rule.
    Rule,
    /// A fact.
    Fact,
    /// A view.
    View,
    /// An exclusive group: of its quests a holder has one.
    Choice,
    /// An NPC that speaks.
    Npc,
    /// An arc.
    Arc,
    /// A beat of an arc: its id is that of the arc, a full stop and its own.
    Beat,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Quest => "quest",
            Kind::Rule => "rule",
            Kind::Fact => "fact",
            Kind::View => "view",
            Kind::Choice => "choice",
            Kind::Npc => "npc",
            Kind::Arc => "arc",
            Kind::Beat => "beat",
        }
    }
}

/// One thing leads to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    /// From which node.
    pub from: usize,
    /// To which.
    pub to: usize,
    /// How.
    pub leads: Leads,
    /// In short: `done`, `>= 3`, `+1`.
    pub label: String,
}

/// How one thing leads to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Leads {
    /// The second requires the first.
    Requires,
    /// The first lets the second count, or fails it.
    Gates,
    /// The second changes with the first.
    Changes,
    /// Rows of the first trigger the second.
    Triggers,
    /// The first makes events happen that count for the second.
    Emits,
    /// The second is one of the choices of the first.
    Offers,
    /// The first is turned in to the second.
    TurnsIn,
    /// A beat is followed by another.
    LeadsOn,
}

impl Leads {
    /// Every way.
    pub const ALL: [Leads; 8] = [
        Leads::Requires,
        Leads::Gates,
        Leads::Changes,
        Leads::Triggers,
        Leads::Emits,
        Leads::Offers,
        Leads::TurnsIn,
        Leads::LeadsOn,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Leads::Requires => "is required by",
            Leads::Gates => "lets it count, or fails it",
            Leads::Changes => "changes",
            Leads::Triggers => "triggers",
            Leads::Emits => "makes events for",
            Leads::Offers => "one of these",
            Leads::TurnsIn => "is turned in to",
            Leads::LeadsOn => "leads on to",
        }
    }

    /// A name for a class of a style sheet.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Leads::Requires => "requires",
            Leads::Gates => "gates",
            Leads::Changes => "changes",
            Leads::Triggers => "triggers",
            Leads::Emits => "emits",
            Leads::Offers => "offers",
            Leads::TurnsIn => "turns-in",
            Leads::LeadsOn => "leads-on",
        }
    }
}
