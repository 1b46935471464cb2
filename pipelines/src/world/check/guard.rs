//! What may be said: terms that can be looked for, lists that a model can choose from, a moderator that can be asked.

use worldflow_engine::words::{ANY, Banned, MOST_TERMS};
use worldflow_schemas::definitions::{
    AttributeKind, HttpModerationDef, ModerationDef, MostSaid, NpcGuardDef, RepetitionDef,
};

use super::Checker;
use crate::secrets::is_reference;
use crate::text::Locale;
use crate::world::spot::Spot;

/// The longest line that may be asked for.
const MOST_GRAPHEMES: u32 = 2_000;

/// The most sentences of it.
const MOST_SENTENCES: u32 = 32;

/// The most emotions or actions that a model may choose from.
const MOST_WORDS: usize = 256;

/// The most that a line refers to: more is not read.
const MOST_REFS: u32 = 32;

/// The longest run of words, and the most lines, that are looked for again.
const MOST_LOOKED_BACK: u32 = 64;

/// The longest that a moderator is waited for: whoever sends on the same connection waits, too.
const MOST_TIMEOUT_MS: u64 = 5_000;

impl Checker<'_> {
    pub(super) fn check_guard(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let (guard, spot) = (&world.definition.guard, world.spot.key("guard"));
        let mut terms = 0;
        for (locale, banned) in &guard.banned {
            let spot = spot.key("banned").name(locale);
            if locale != ANY && Locale::parse(locale).is_none() {
                let hint = "write it as in `en`, `de-AT` or `zh-Hant`; `\"*\"` stands for all of them";
                self.error(spot, format!("`{locale}` is no language"), hint);
            }
            for (index, term) in banned.iter().enumerate() {
                self.check_term(term, spot.item(index));
            }
            terms += banned.len();
        }
        if terms > MOST_TERMS {
            let message = format!("{terms} banned terms");
            self.error(spot.key("banned"), message, format!("at most {MOST_TERMS} are looked for"));
        }
        for (index, phrase) in guard.leaks.phrases.iter().enumerate() {
            self.check_term(phrase, spot.key("leaks").key("phrases").item(index));
        }
        self.check_most_said(guard.most, spot.key("most"));
        self.check_most_said(guard.bark, spot.key("bark"));
        self.check_choices("emotion", &guard.emotions, spot.key("emotions"));
        self.check_choices("action", &guard.actions, spot.key("actions"));
        self.check_most("refs", guard.refs, MOST_REFS, spot.key("refs"));
        self.check_share("script_percent", guard.script_percent, spot.key("script_percent"));
        let echo = spot.key("leaks").key("echo_words");
        self.check_most("echo_words", guard.leaks.echo_words, MOST_LOOKED_BACK, echo);
        if (1..=2).contains(&guard.leaks.echo_words) {
            let hint = "every sentence has two words in a row that a prompt has; 8 suits most, 0 allows all";
            self.warn(echo, format!("`echo_words: {}` is next to nothing", guard.leaks.echo_words), hint);
        }
        self.check_repetition(guard.repetition, spot.key("repetition"));
        self.check_moderation(&world.definition.moderation, world.spot.key("moderation"));
    }

    /// What of it is otherwise for an NPC.
    pub(super) fn check_npc_guard(&mut self, guard: &NpcGuardDef, spot: Spot<'_>) {
        let spot = spot.key("guard");
        if let Some(most) = guard.most {
            self.check_most_said(most, spot.key("most"));
        }
        if let Some(emotions) = &guard.emotions {
            self.check_choices("emotion", emotions, spot.key("emotions"));
        }
        if let Some(actions) = &guard.actions {
            self.check_choices("action", actions, spot.key("actions"));
        }
        if let Some(repetition) = guard.repetition {
            self.check_repetition(repetition, spot.key("repetition"));
        }
    }

    fn check_term(&mut self, term: &str, spot: Spot<'_>) {
        if let Err(error) = Banned::check(term) {
            let hint = "a term has at least one letter or figure; `*` at an end stands for any letters";
            self.error(spot, error.to_string(), hint);
        }
    }

    fn check_most_said(&mut self, most: MostSaid, spot: Spot<'_>) {
        for (key, value, largest) in
            [("graphemes", most.graphemes, MOST_GRAPHEMES), ("sentences", most.sentences, MOST_SENTENCES)]
        {
            if value == 0 {
                let message = format!("with `{key}: 0` nothing can be said");
                self.error(spot.key(key), message, "give at least 1");
            } else {
                self.check_most(key, value, largest, spot.key(key));
            }
        }
    }

    /// What a model chooses from; it is also what game servers are told.
    fn check_choices(&mut self, what: &str, choices: &[String], spot: Spot<'_>) {
        if choices.is_empty() && what == "emotion" {
            let hint = "give at least one: the first is shown for any other, `emotions: [neutral]`";
            self.error(spot, "there is no emotion", hint);
        }
        if choices.len() > MOST_WORDS {
            let message = format!("{} {what}s", choices.len());
            self.error(spot, message, format!("at most {MOST_WORDS}"));
        }
        for (index, choice) in choices.iter().enumerate() {
            let item = spot.item(index);
            self.check_id(what, choice, item);
            if choices[..index].contains(choice) {
                self.error(item, format!("the {what} `{choice}` is listed twice"), "remove one of them");
            }
        }
    }

    fn check_most(&mut self, key: &str, value: u32, largest: u32, spot: Spot<'_>) {
        if value > largest {
            self.error(spot, format!("`{key}: {value}` is too much"), format!("at most {largest}"));
        }
    }

    fn check_share(&mut self, key: &str, value: u32, spot: Spot<'_>) {
        if value > 100 {
            let message = format!("`{key}: {value}` is more than all");
            self.error(spot, message, "it lies between 0, which allows all, and 100");
        }
    }

    fn check_repetition(&mut self, rule: RepetitionDef, spot: Spot<'_>) {
        self.check_share("percent", rule.percent, spot.key("percent"));
        self.check_most("lines", rule.lines, MOST_LOOKED_BACK, spot.key("lines"));
    }

    fn check_moderation(&mut self, moderation: &ModerationDef, spot: Spot<'_>) {
        let ModerationDef::Http(HttpModerationDef { url, model, key, timeout }) = moderation else { return };
        let http = spot.key("http");
        let hint = "give the key by reference: `key: ${MODERATION_KEY}`";
        self.check_address(url, http.key("url"), "MODERATION_URL", hint);
        if key.as_ref().is_some_and(|key| !is_reference(key)) {
            let hint = "give it by reference, `key: ${MODERATION_KEY}`, and put it in the environment";
            self.error(http.key("key"), "a secret stands here in the clear", hint);
        }
        if model.as_ref().is_some_and(|model| model.trim().is_empty()) {
            self.error(http.key("model"), "the model has no name", "leave it out if the service has but one");
        }
        if timeout.world || !(1..=MOST_TIMEOUT_MS).contains(&timeout.ms) {
            let message = format!("`timeout: {timeout}` cannot be");
            let hint = "it is real time, up to 5s: what else a connection sends waits so long";
            self.error(http.key("timeout"), message, hint);
        }
        self.check_who_waits(spot);
    }

    /// Sources that cannot wait for a verdict.
    fn check_who_waits(&mut self, spot: Spot<'_>) {
        let Some(world) = &self.definitions.world else { return };
        let has_words = |kind: &worldflow_schemas::definitions::KindDef| {
            kind.attributes.values().any(|holds| *holds == AttributeKind::Text)
        };
        if let Some(source) = world.definition.sources.keys().next()
            && world.definition.kinds.values().any(has_words)
        {
            let hint = "only sockets and HTTP wait for a moderator; send what players say over them";
            self.warn(spot, format!("what players say is refused from the source `{source}`"), hint);
        }
    }
}
