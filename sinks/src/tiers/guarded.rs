//! What a model has said, judged before anything keeps or shows a word of it.
//!
//! It fails closed: without a guard, or when a rule is broken, there is no line, and the graph says the bark.

use std::sync::Arc;

use worldflow_engine::realm::Realm;
use worldflow_schemas::input::Finish;

use super::ask::Ask;
use super::call::Answer;
use crate::guard::{self, Form, Guard, Outcome, Reference, Saying, Told, Verdict};

/// What may be said of an answer, or the name of the rule that it breaks.
pub(super) fn judged(
    guard: Option<&Arc<Guard>>,
    realm: &Realm,
    ask: &Ask,
    answer: &Answer,
) -> Result<String, &'static str> {
    let world = &realm.world;
    let saying = Saying {
        npc: ask.npc().to_owned(),
        others: vec![ask.player.as_str().to_owned()],
        locale: world.text.as_ref().map(|text| text.source.clone()).unwrap_or_default(),
        form: Form::Line,
        bark: false,
        system: ask.system(),
        last_lines: Vec::new(),
        may_retry: false,
    };
    // An answer of this form names nothing.
    let nothing = |_: &str| Reference::Missing;
    let mut judge = guard::judge(guard, saying);
    let mut told = judge.read(answer.text.as_bytes(), &nothing);
    told.extend(judge.finish(answer.finish != Finish::Truncated, &nothing));
    let (mut line, mut outcome) = (String::new(), None);
    for part in told {
        match part {
            Told::Head(_) => {}
            Told::Sentence { text, .. } => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&text);
            }
            Told::End(end) => outcome = Some(end),
        }
    }
    count(realm, outcome.as_ref());
    let code = outcome.and_then(|outcome| outcome.verdict.code());
    if line.is_empty() { Err(code.map_or("empty", guard::Code::name)) } else { Ok(line) }
}

fn count(realm: &Realm, outcome: Option<&Outcome>) {
    let verdict = outcome.map_or("fall_back", |outcome| outcome.verdict.name());
    let code = outcome.and_then(|outcome| outcome.verdict.code()).map_or("", guard::Code::name);
    let labels = [("realm", realm.name.as_str()), ("verdict", verdict), ("rule", code)];
    metrics::counter!("worldflow_guard_judged_total", &labels).increment(1);
    if let Some(Verdict::FallBack(code)) = outcome.map(|outcome| outcome.verdict) {
        tracing::debug!(realm = realm.name.as_str(), rule = code.name(), "an answer was not let through");
    }
}
