//! What a model says, judged as it comes, before anything keeps or shows a word of it.
//!
//! `pieces of text ─guard→ sentences that may be said, and what became of the answer`
//!
//! It fails closed: without a guard, or when a rule is broken before the first sentence, nothing is said.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use worldflow_engine::defined::{Defined, Npcs};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::ViewStore;
use worldflow_engine::words::is_named;
use worldflow_schemas::catalog::ENTITIES;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::Finish;
use worldflow_schemas::{ArcStr, Sym, Value};

use super::ask::Ask;
use super::call::Come;
use crate::guard::{self, Code, Form, Guard, Head, Judge, Outcome, Reference, Saying, Told, Verdict};

/// A sentence that may be said.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The request of which it is, as the edge names it.
    pub(super) key: ArcStr,
    pub(super) index: u32,
    pub(super) text: String,
    pub(super) emotion: Sym,
    pub(super) action: Sym,
}

/// What became of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    /// What may be said of it, whole; empty when nothing may.
    pub(super) line: String,
    pub(super) verdict: &'static str,
    /// The rule that was broken, or those by which it was repaired.
    pub(super) rule: String,
    pub(super) refs: Vec<Sym>,
    /// Whether it should be asked once more.
    pub(super) retry: bool,
    /// Whether the line ends before the model's did.
    pub(super) truncated: bool,
}

/// What there is to speak of: what an answer refers to is looked for here.
#[derive(Clone, Debug)]
pub(super) struct Around {
    pub(super) realm: Sym,
    pub(super) views: Arc<ViewStore>,
    pub(super) defined: Defined,
}

impl Around {
    pub(super) fn of(realm: &Realm) -> Around {
        Around { realm: realm.name, views: Arc::clone(&realm.views), defined: realm.defined.clone() }
    }
}

/// The guard of a world and its NPCs. Without one nothing that a model says is said.
pub(super) fn guard_of(realm: Sym, world: &WorldDef, npcs: &Npcs) -> Option<Arc<Guard>> {
    let of_npcs = npcs.defs.iter().map(|(id, def)| (id.as_str(), &**def));
    let guard = Guard::new(world, of_npcs).map(Arc::new);
    if let Err(error) = &guard {
        tracing::error!(realm = realm.as_str(), %error, "no answer of a model can be let through");
    }
    guard.ok()
}

/// Hears one answer.
pub(super) struct Hearing {
    key: ArcStr,
    around: Around,
    /// What its prompt says, but for what players have said: an NPC knows of what it is told there.
    known: ArcStr,
    judge: Judge,
    head: Head,
    said: Vec<String>,
    end: Option<Outcome>,
    heard: UnboundedSender<Heard>,
}

impl Hearing {
    pub(super) fn new(
        around: Around,
        guard: Option<&Arc<Guard>>,
        key: ArcStr,
        (ask, may_retry): (&Ask, bool),
        heard: UnboundedSender<Heard>,
    ) -> Hearing {
        let saying = Saying {
            npc: ask.npc().to_owned(),
            others: vec![ask.player.as_str().to_owned()],
            locale: ask.locale.as_str().to_owned(),
            form: if ask.is_object { Form::Object } else { Form::Line },
            bark: ask.unasked,
            system: ask.system(),
            last_lines: ask.last_lines.clone(),
            may_retry,
        };
        Hearing {
            key,
            around,
            known: ask.known.clone(),
            judge: guard::judge(guard, saying),
            head: Head::default(),
            said: Vec::new(),
            end: None,
            heard,
        }
    }

    /// The next piece.
    pub(super) fn hear(&mut self, piece: &str) -> Come {
        let (around, known) = (&self.around, &self.known);
        let told = self.judge.read(piece.as_bytes(), &|id| reference(around, known, id));
        self.take(told);
        match (self.judge.is_over(), self.said.is_empty()) {
            (true, _) => Come::Over,
            (false, true) => Come::Unshown,
            (false, false) => Come::Shown,
        }
    }

    /// Nothing follows: it ended so.
    pub(super) fn finish(mut self, finish: Finish) -> Judgement {
        // Half a sentence is not said after whole ones; of an answer that is no longer than that it is all there is.
        let whole = match finish {
            Finish::Truncated => false,
            Finish::Length => self.said.is_empty(),
            _ => true,
        };
        let (around, known) = (&self.around, &self.known);
        let told = self.judge.finish(whole, &|id| reference(around, known, id));
        self.take(told);
        let end = self.end.take();
        let verdict = end.as_ref().map_or(Verdict::FallBack(Code::Unguarded), |end| end.verdict);
        let changes = end.as_ref().map(|end| end.changes.as_slice()).unwrap_or_default();
        let rule = match verdict.code() {
            Some(code) => code.name().to_owned(),
            None => changes.iter().map(|code| code.name()).collect::<Vec<_>>().join(","),
        };
        count(self.around.realm, verdict, &rule);
        Judgement {
            line: self.said.join(" "),
            verdict: verdict.name(),
            rule,
            refs: self.head.refs.iter().filter_map(|id| Sym::try_new(id)).collect(),
            retry: matches!(verdict, Verdict::Retry(_)),
            truncated: end.is_none_or(|end| end.truncated),
        }
    }

    fn take(&mut self, told: Vec<Told>) {
        let id = |text: &str| Sym::try_new(text).unwrap_or(Sym::NONE);
        for part in told {
            match part {
                Told::Head(head) => self.head = head,
                Told::Sentence { index, text } => {
                    self.said.push(text.clone());
                    let emotion = id(&self.head.emotion);
                    let action = self.head.action.as_deref().map_or(Sym::NONE, id);
                    // Nobody hears when the edge has ended.
                    let _ = self.heard.send(Heard { key: self.key.clone(), index, text, emotion, action });
                }
                Told::End(end) => self.end = Some(end),
            }
        }
    }
}

/// What an id means to an NPC: it knows of what its prompt speaks of, by id or by name. That a player speaks of something
/// makes nobody know of it.
fn reference(around: &Around, known: &str, id: &str) -> Reference {
    let Some(sym) = Sym::find(id) else { return Reference::Missing };
    let entities = around.views.read(ENTITIES);
    let row = entities.get(&[Value::id(around.realm), Value::Sym(sym)]);
    if row.is_none() && !around.defined.has_quest(sym) {
        return Reference::Missing;
    }
    let properties = ENTITIES.def().column("properties");
    let name = row.zip(properties).and_then(|(row, at)| {
        let properties: serde_json::Value = serde_json::from_str(row[at].as_str()?).ok()?;
        properties["name"].as_str().map(str::to_owned)
    });
    let knows = |name: &str| is_named(known, name);
    if knows(id) || name.as_deref().is_some_and(knows) { Reference::Known } else { Reference::UnknownToNpc }
}

fn count(realm: Sym, verdict: Verdict, rule: &str) {
    let code = verdict.code().map_or("", Code::name);
    let labels = [("realm", realm.as_str()), ("verdict", verdict.name()), ("rule", code)];
    metrics::counter!("worldflow_guard_judged_total", &labels).increment(1);
    if verdict.code().is_some() {
        tracing::debug!(
            realm = realm.as_str(),
            verdict = verdict.name(),
            rule,
            "an answer was not let through as it came"
        );
    }
}
