//! Prompts: what they read, what their sections say, and who uses them.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{Audience, FactKind, PromptDef, Reads, SamplingDef};
use worldflow_schemas::input::Scope;

use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

/// The most tokens of a prompt or a section.
const MOST_TOKENS: u32 = 131_072;
/// The most pieces of lore of a section.
const MOST_LORE: u32 = 20;
/// The most words at which a model stops.
const MOST_STOPS: usize = 4;

impl Checker<'_> {
    pub(super) fn check_prompts(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.prompts {
            let (prompt, spot) = (&placed.definition, placed.spot);
            self.check_id("prompt", id, spot);
            self.check_context(prompt, spot);
            self.check_bands(prompt, spot.key("bands"));
            self.check_at_most(prompt, spot.key("at_most"));
            self.check_sections(prompt, spot);
            self.check_sampling(&prompt.sampling, spot.key("sampling"));
            for (key, value) in [("most", prompt.most), ("max_tokens", prompt.max_tokens)] {
                self.check_tokens(value, spot.key(key));
            }
        }
        for (id, placed) in &definitions.npcs {
            if let Some(template) = &placed.definition.template {
                self.check_prompt_is(template, placed.spot.key("template"));
                if !placed.definition.persona.is_empty() && !self.says_persona(template) {
                    let hint = format!(
                        "`{template}` has no section `persona`: give it one, or remove the text here"
                    );
                    self.warn(
                        placed.spot.key("persona"),
                        format!("nobody reads the persona of `{id}`"),
                        hint,
                    );
                }
            }
        }
        for placed in definitions.storylets.values() {
            let Some(ask) = &placed.definition.ask else { continue };
            self.check_prompt_is(&ask.prompt, placed.spot.key("ask").key("prompt"));
            if ask.every.ms == 0 {
                let spot = placed.spot.key("ask").key("every");
                self.error(spot, "`every` is no time at all", "give a span such as `1m`");
            }
        }
    }

    fn says_persona(&self, prompt: &str) -> bool {
        let prompt = self.definitions.prompts.get(prompt);
        prompt.is_none_or(|prompt| prompt.definition.sections.get("persona").is_some())
    }

    fn check_prompt_is(&mut self, prompt: &str, spot: Spot<'_>) {
        let prompts = &self.definitions.prompts;
        if !prompts.contains_key(prompt) && !self.definitions.unreadable.iter().any(|id| id == prompt) {
            let otherwise = "a prompt stands in npcs/prompts/ or npcs/prompts.yaml";
            let hint = hint(prompt, prompts.keys().map(String::as_str), otherwise);
            self.error(spot, format!("unknown prompt `{prompt}`"), hint);
        }
    }

    fn check_context(&mut self, prompt: &PromptDef, spot: Spot<'_>) {
        let mut seen = BTreeSet::new();
        for (index, name) in prompt.context.iter().enumerate() {
            let spot = spot.key("context").item(index);
            if !seen.insert(name.as_str()) {
                self.error(spot, format!("`{name}` is given twice"), "remove one of them");
            }
            let Some(reads) = Reads::of(name) else {
                let otherwise = "a prompt reads player, said, lines, phase, season, weather, region, level, locale, fact.NAME, quest.ID and rows.VIEW";
                let hint = hint(name, Reads::PLAIN, otherwise);
                self.error(spot, format!("nothing is called `{name}`"), hint);
                continue;
            };
            match reads {
                Reads::Fact(fact) => drop(self.known(Sort::Fact, fact, spot)),
                Reads::Quest(quest) => drop(self.known(Sort::Quest, quest, spot)),
                Reads::Rows(view) => self.check_rows_read(view, prompt.audience, spot),
                Reads::Locale
                    if self
                        .definitions
                        .world
                        .as_ref()
                        .is_some_and(|world| world.definition.text.is_none()) =>
                {
                    self.warn(
                        spot,
                        "the world declares no languages",
                        "declare them in world.yaml: `text: {source: en}`",
                    );
                }
                _ => {}
            }
            if prompt.audience == Audience::Place && self.is_private(reads) {
                let hint = "what everyone hears may read phase, season, weather, region, locale, and facts of the realm or of regions";
                self.error(spot, format!("`{name}` is one player's, and a place hears the answer"), hint);
            }
        }
    }

    fn is_private(&self, reads: Reads<'_>) -> bool {
        let Reads::Fact(fact) = reads else { return reads.is_of_player() };
        let world = self.definitions.world.as_ref();
        let scope = world.and_then(|world| world.definition.facts.get(fact)).map(|fact| fact.scope);
        scope.is_some_and(|scope| !matches!(scope, Scope::Realm | Scope::Region))
    }

    fn check_bands(&mut self, prompt: &PromptDef, spot: Spot<'_>) {
        for (name, bands) in &prompt.bands {
            let spot = spot.name(name);
            if !prompt.context.contains(name) {
                let hint = hint(name, prompt.context.iter().map(String::as_str), "add it to `context`");
                self.error(spot, format!("`{name}` is not read"), hint);
            }
            let least: BTreeSet<i64> = bands.values().copied().collect();
            if let Some(hint) = Reads::of(name).and_then(|reads| self.is_no_number(reads)) {
                self.error(spot, format!("`{name}` is no number"), hint);
            }
            if bands.is_empty() || least.len() < bands.len() {
                let hint = "give each band the least number that is in it: `{stranger: 0, friend: 20}`";
                self.error(spot, "bands that cannot be told apart", hint);
            }
        }
    }

    /// What to do instead, where what is read has no bands. Of a fact that is not declared nothing more is said.
    fn is_no_number(&self, reads: Reads<'_>) -> Option<&'static str> {
        match reads {
            Reads::Rows(_) => Some("count in the view, or say `at_most`"),
            Reads::Level => None,
            Reads::Fact(fact) => {
                let def = self.definitions.world.as_ref()?.definition.facts.get(fact)?;
                let is_number = matches!(def.kind, FactKind::Int | FactKind::Dec);
                (!is_number).then_some("bands are of `level` and of facts of type int or dec")
            }
            _ => Some("bands are of `level` and of facts of type int or dec"),
        }
    }

    fn check_sections(&mut self, prompt: &PromptDef, spot: Spot<'_>) {
        let sections = spot.key("sections");
        if prompt.sections.is_empty() {
            self.error(sections, "there is nothing to ask", "give at least one section with a text");
        }
        let known: Vec<&str> = prompt.context.iter().map(String::as_str).chain([Reads::NPC]).collect();
        for (name, section) in prompt.sections.iter() {
            let spot = sections.name(name);
            self.check_id("section", name, spot);
            self.check_words(&section.text, &known, spot.key("text"));
            match (section.text.is_empty(), section.lore) {
                (true, None) if name != "persona" => {
                    let hint = "give it a `text`, or `lore: 3`; only a section called `persona` says what the NPC says of itself";
                    self.error(spot, "a section that says nothing", hint);
                }
                (false, Some(_)) => {
                    self.error(
                        spot.key("lore"),
                        "a text and lore in one section",
                        "make two sections of them",
                    );
                }
                (_, Some(_)) if !prompt.context.iter().any(|name| name == "said") => {
                    let hint = "add `said` to `context`: lore is found by what the player said";
                    self.error(spot.key("lore"), "nothing says which lore is wanted", hint);
                }
                (_, Some(lore)) if !(1..=MOST_LORE).contains(&lore) => {
                    self.error(
                        spot.key("lore"),
                        format!("{lore} pieces of lore"),
                        format!("1 to {MOST_LORE}"),
                    );
                }
                _ => {}
            }
            self.check_tokens(section.most, spot.key("most"));
        }
        let gives_way = prompt.sections.iter().any(|(_, section)| section.gives_way.is_some());
        if prompt.most.is_some() && !gives_way {
            let hint = "number the sections that may be cut, those that go first the highest: `gives_way: 2`";
            self.warn(spot.key("most"), "no section gives way, so a longer prompt is not sent", hint);
        }
    }

    /// The names in a text that something replaces.
    fn check_words(&mut self, text: &str, known: &[&str], spot: Spot<'_>) {
        for part in text.split('{').skip(1) {
            let Some((name, _)) = part.split_once('}') else { continue };
            if !known.contains(&name) {
                let otherwise = "a section says what `context` reads: add it there";
                let hint = hint(name, known.iter().copied(), otherwise);
                self.error(spot, format!("nothing replaces `{{{name}}}`"), hint);
            }
        }
    }

    fn check_tokens(&mut self, tokens: Option<u32>, spot: Spot<'_>) {
        if tokens.is_some_and(|tokens| !(1..=MOST_TOKENS).contains(&tokens)) {
            self.error(spot, "a number of tokens that no prompt has", format!("1 to {MOST_TOKENS}"));
        }
    }

    fn check_sampling(&mut self, sampling: &SamplingDef, spot: Spot<'_>) {
        for (key, value, least, most) in [
            ("temperature", &sampling.temperature, 0.0, 2.0),
            ("top_p", &sampling.top_p, 0.0, 1.0),
            ("frequency_penalty", &sampling.frequency_penalty, -2.0, 2.0),
            ("presence_penalty", &sampling.presence_penalty, -2.0, 2.0),
        ] {
            let value = value.as_ref().and_then(serde_json::Number::as_f64);
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                self.error(spot.key(key), format!("`{key}` is out of range"), format!("{least} to {most}"));
            }
        }
        if sampling.stop.len() > MOST_STOPS {
            self.error(spot.key("stop"), "too many words at which it stops", format!("at most {MOST_STOPS}"));
        }
    }
}
