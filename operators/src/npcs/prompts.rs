//! What is asked: what a prompt reads of the world, and the sections that say it.
//!
//! `definition, world around a player ─read→ values ─→ digest, sections`
//!
//! The digest covers who is asked, the revision of the prompt and of the NPC, and the values that the prompt reads, each in its band.
//! Nothing else reaches the sections, so requests of one digest are one question. What a player says, and has said before, is sealed
//! here: it stands beside the section that says it, and whoever asks the model puts it in. So do rows of views, in which there may be
//! what players have chosen.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value as Json, json};
use worldflow_schemas::definitions::{
    Audience, Cut, NpcDef, Ordered, PromptDef, QuestState, Reads, Role, SectionDef,
};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{ArcStr, Sym, Value};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::known::Around;
use super::prompt;

/// The name in a section that stands for what the player has said.
const SAID: &str = "said";
/// The name that stands for what was said last between the two.
const LINES: &str = "lines";
/// The section that says who the NPC is, unless it has a text.
const PERSONA: &str = "persona";

/// A prompt, and its revision.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) def: Arc<PromptDef>,
    revision: u64,
}

/// Who is asked, for whom, and what was said.
pub(super) struct Occasion<'a> {
    pub(super) npc: Sym,
    pub(super) def: &'a NpcDef,
    /// The revision of the NPC.
    pub(super) revision: u64,
    /// What the player has said, sealed; empty when nothing was.
    pub(super) said: &'a str,
    /// What was said last between the two, the oldest first.
    pub(super) lines: &'a [Turn],
    /// What the NPC has said last to the player, the oldest first.
    pub(super) last: Vec<&'a str>,
    /// Whether nobody has asked for it.
    pub(super) unasked: bool,
    /// Whether an answer is still said when the bark has been.
    pub(super) follows_up: bool,
}

/// One of two has said something.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Turn {
    /// What a player has said, sealed.
    Player { player: String, said: ArcStr },
    /// What an NPC has said.
    Npc { npc: Sym, line: ArcStr },
}

/// A question, whole.
pub(super) struct Question {
    pub(super) messages: ArcStr,
    pub(super) digest: ArcStr,
    pub(super) prompt: Sym,
    pub(super) revision: ArcStr,
    pub(super) locale: ArcStr,
    pub(super) parameters: ArcStr,
    pub(super) max_tokens: u32,
}

/// What is read by a name.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Read {
    /// A value, in its band.
    Value(String),
    /// Rows of a view, a line each.
    Rows(Vec<String>),
}

/// The revision of a definition: a hash of its text.
pub(super) fn revision(def: &impl serde::Serialize) -> u64 {
    xxh3_64(serde_json::to_string(def).unwrap_or_default().as_bytes())
}

impl Prompt {
    pub(super) fn new(def: Arc<PromptDef>) -> Prompt {
        Prompt { revision: revision(&*def), def }
    }

    fn reads(&self, what: &str) -> bool {
        self.def.context.iter().any(|name| name == what)
    }

    /// The question that it puts.
    pub(super) fn question(&self, id: Sym, occasion: &Occasion<'_>, around: &Around<'_>) -> Question {
        let def = &*self.def;
        let is_shared = def.audience == Audience::Place;
        let read = self.read(is_shared, occasion, around);
        let locale = around.locale().unwrap_or_default();
        let revision = format!("{:016x}", self.revision ^ occasion.revision.rotate_left(1));
        let place = if is_shared { around.region.as_str() } else { "" };
        let digest = digest(&(occasion.npc.as_str(), id.as_str(), &revision, locale, place, &read));
        let messages = self.sections(&read, is_shared, occasion);
        let mut parameters = json!({"form": def.answers.name()});
        if !def.sampling.is_usual() {
            parameters["sampling"] = serde_json::to_value(&def.sampling).unwrap_or_default();
        }
        if let Some(most) = def.most {
            parameters["most"] = most.into();
        }
        if !is_shared && !occasion.last.is_empty() {
            parameters["last"] = occasion.last.as_slice().into();
        }
        for (key, value) in [("unasked", occasion.unasked), ("late", occasion.follows_up)] {
            if value {
                parameters[key] = true.into();
            }
        }
        Question {
            messages: Json::Array(messages).to_string().into(),
            digest,
            prompt: id,
            revision: revision.into(),
            locale: locale.into(),
            parameters: parameters.to_string().into(),
            max_tokens: def.max_tokens.unwrap_or(occasion.def.max_tokens),
        }
    }

    /// What it reads, by the names of its context.
    fn read(&self, is_shared: bool, occasion: &Occasion<'_>, around: &Around<'_>) -> Vec<(&str, Read)> {
        let read = self.def.context.iter().filter_map(|name| {
            let read = match Reads::of(name)? {
                Reads::Rows(view) => {
                    let (view, most) = (Sym::new(view), self.def.most_rows(name));
                    Read::Rows(around.rows().lines(view, most, (occasion.npc, around), is_shared))
                }
                reads => Read::Value(self.in_band(name, value(reads, is_shared, occasion, around))),
            };
            Some((name.as_str(), read))
        });
        read.collect()
    }

    /// The sections, each with what is put in by whoever asks.
    fn sections(&self, read: &[(&str, Read)], is_shared: bool, occasion: &Occasion<'_>) -> Vec<Json> {
        let reads_lines = self.reads(LINES) && !is_shared && !occasion.lines.is_empty();
        let word = |name: &str| match name {
            // They are put in by whoever asks; a place has heard nothing.
            SAID => is_shared.then(String::new),
            LINES if reads_lines => None,
            Reads::NPC => Some(occasion.npc.as_str().to_owned()),
            _ => match read.iter().find(|(other, _)| *other == name)? {
                (_, Read::Value(value)) if name == "player" => Some(prompt::as_name(value)),
                (_, Read::Value(value)) => Some(value.clone()),
                (_, Read::Rows(rows)) => rows.is_empty().then(String::new),
            },
        };
        // What is said beside what the digest covers would not be the same question.
        let hears = self.reads(SAID) && !is_shared;
        let sections = self.def.sections.iter().map(|(name, section)| {
            let mut said = json!({"section": name, "role": section.role.name()});
            if section.cut != Cut::End {
                said["cut"] = json!(section.cut);
            }
            let text = if name == PERSONA && section.text.is_empty() {
                &occasion.def.persona
            } else {
                &section.text
            };
            match section.lore {
                Some(most) => said["lore"] = most.into(),
                None => said["content"] = prompt::fill(text, word).into(),
            }
            if hears && (text.contains("{said}") || section.lore.is_some()) {
                said["said"] = occasion.said.into();
            }
            if reads_lines && text.contains("{lines}") {
                said["lines"] = json!(occasion.lines);
            }
            for (name, read) in read {
                if let Read::Rows(rows) = read
                    && !rows.is_empty()
                    && text.contains(&format!("{{{name}}}"))
                {
                    said["rows"][name] = json!(rows);
                }
            }
            for (key, value) in [("most", section.most), ("gives_way", section.gives_way)] {
                if let Some(value) = value {
                    said[key] = value.into();
                }
            }
            said
        });
        sections.collect()
    }

    /// What is read of a value: the name of its band, where there are bands.
    fn in_band(&self, name: &str, value: Option<Value>) -> String {
        let Some(value) = value else { return String::new() };
        let Some(bands) = self.def.bands.get(name) else { return value.to_string() };
        let least = |at: i64| value.compare(&Value::Int(at)).is_some_and(Ordering::is_ge);
        let band =
            bands.iter().filter(|(_, at)| least(**at)).max_by_key(|(name, at)| (**at, (*name).clone()));
        band.map(|(name, _)| name.clone()).unwrap_or_default()
    }
}

/// What is read. What is for a place reads nothing of a player, nor of a group that players are in.
fn value(reads: Reads<'_>, is_shared: bool, occasion: &Occasion<'_>, around: &Around<'_>) -> Option<Value> {
    let id = |sym: Option<Sym>| sym.filter(|sym| !sym.is_none()).map(Value::Sym);
    let text = |text: &str| (!text.is_empty()).then(|| Value::text(text));
    if is_shared && reads.is_of_player() {
        return None;
    }
    match reads {
        Reads::Player => id(Some(around.player())),
        Reads::Said => text(occasion.said),
        Reads::Lines => {
            let turn = |turn: &Turn| match turn {
                Turn::Player { player, said } => format!("{player}: {said}"),
                Turn::Npc { npc, line } => format!("{npc}: {line}"),
            };
            text(&occasion.lines.iter().map(turn).collect::<Vec<_>>().join("\n"))
        }
        Reads::Phase => id(around.clock().map(|clock| clock.phase)),
        Reads::Season => id(around.clock().map(|clock| clock.season)),
        Reads::Weather => id(around.weather().map(|weather| weather.state)),
        Reads::Region => id(Some(around.region)),
        Reads::Level => Some(Value::Int(around.level())),
        Reads::Locale => around.locale().and_then(text),
        Reads::Fact(fact) => {
            let fact = Sym::new(fact);
            let holder = around.holder_of_fact(fact);
            let is_of_all = |scope| matches!(scope, Scope::Realm | Scope::Region);
            if is_shared && !holder.is_some_and(|holder| is_of_all(holder.scope)) {
                return None;
            }
            around.fact(holder, fact).cloned()
        }
        Reads::Quest(quest) => {
            let state = around.quest(Sym::new(quest)).map_or(QuestState::Hidden, |(state, _)| state);
            Some(Value::Sym(Sym::new(state.name())))
        }
        // They are no value.
        Reads::Rows(_) => None,
    }
}

/// The prompt of an NPC that has none of `npcs/prompts`: who it is, then what it is asked.
pub(super) fn own(def: &NpcDef) -> PromptDef {
    let section = |role, text: &str| SectionDef { role, text: text.to_owned(), ..SectionDef::default() };
    let mut sections = Vec::new();
    if !def.persona.is_empty() {
        sections.push((PERSONA.to_owned(), section(Role::System, &def.persona)));
    }
    sections.push(("prompt".to_owned(), section(Role::User, &def.prompt)));
    let says = |name: &str| {
        let word = format!("{{{name}}}");
        def.persona.contains(&word) || def.prompt.contains(&word)
    };
    let context = OWN.iter().filter(|name| says(name)).map(|name| (*name).to_owned()).collect();
    PromptDef { context, sections: Ordered(sections), ..PromptDef::default() }
}

/// What the words of an NPC of its own may read.
const OWN: [&str; 6] = ["player", "said", "phase", "season", "weather", "region"];

fn digest(of: &impl serde::Serialize) -> ArcStr {
    let text = serde_json::to_string(of).unwrap_or_default();
    format!("{:032x}", xxh3_128(text.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_npc_read_what_they_say() {
        let def = serde_json::json!({"persona": "You are {npc} at {phase}.", "prompt": "{player}: {said}", "barks": "Hm."});
        let def: NpcDef = serde_json::from_value(def).expect("an npc");
        let own = own(&def);
        assert_eq!(own.context, ["player", "said", "phase"]);
        assert_eq!(own.sections.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["persona", "prompt"]);
    }

    #[test]
    fn numbers_are_read_in_bands() {
        let def = r#"{"context": ["fact.trust"], "bands": {"fact.trust": {"stranger": 0, "friend": 20, "foe": -50}},
            "sections": {"who": {"text": "{fact.trust}"}}}"#;
        let prompt = Prompt::new(Arc::new(serde_json::from_str(def).expect("a prompt")));
        let band = |n| prompt.in_band("fact.trust", Some(Value::Int(n)));
        assert_eq!(
            [-51, -50, -1, 0, 19, 20, 900].map(band),
            ["", "foe", "foe", "stranger", "stranger", "friend", "friend"]
        );
        assert_eq!(prompt.in_band("fact.other", Some(Value::Int(7))), "7");
        assert_eq!(prompt.in_band("fact.other", None), "");
    }
}
