//! Where an arc stands: the beat, how tense it is and by what, what the beat waits for with what there is now, and the ways on.
//!
//! `data folder ─rebuilt from a snapshot, one arc of one holder traced→ ArcExplanation`, as quests are explained.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use worldflow_engine::rebuild::{Rebuilt, rebuild, retrace};
use worldflow_operators::arcs::traced::{Came, Here, Picture, Traced, Watch, Way};
use worldflow_operators::clock::Calendar;
use worldflow_operators::quests::traced::Node;
use worldflow_schemas::definitions::{ArcDef, BeatDef, BranchDef, TargetDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Tick, Value};

use super::arc_told::{
    ArcExplanation, BeatStep, BeatTold, ChosenTold, CriterionTold, TenseTold, TensionTold, WayTold,
};
use super::collected::event_told;
use super::conditions::Words;
use super::moments::Moments;
use super::told::{Deed, Joined, Tested};
use super::words::pattern;
use super::{Begin, Explain, ExplainError, LOOK_BACK_MS, MOST_EVENTS, Trace, Who, holder_at};
use crate::graph::{TracingArc, traced_arc_graphs};
use crate::world::did_you_mean;

/// The most beginnings of beats that are told.
const MOST_STEPS: usize = 20;

/// Explains where an arc stands; `of.quest` is the arc.
///
/// # Errors
/// When the folder no longer holds that moment, or there is no such arc.
pub async fn explain_arc(of: &Explain) -> Result<ArcExplanation, ExplainError> {
    let trace = Trace::of(of)?;
    let asked = of.who.holder();
    let mut now = run(&trace, asked, Begin::Newest).await?;
    let def = def_of(&trace, &now)?;
    let mut holder = asked;
    if def.scope != asked.scope {
        let Who::Player(player) = of.who else {
            return Err(ExplainError::other_scope("arc", of.quest, def.scope, asked));
        };
        let Some(found) = holder_at(&now.picture.place, def.scope, of.realm) else {
            return Ok(without_holder(of, &trace, &now, def.scope, player));
        };
        holder = found;
        now = run(&trace, holder, Begin::Newest).await?;
    }
    let seen = back(&trace, holder, now).await?;
    let def = def_of(&trace, &seen)?;
    let calendar = Calendar::compile(&seen.rebuilt.world.clock).ok();
    let words = Words::at(trace.until, seen.picture.clock.as_ref(), calendar, trace.moments);
    let parts = Parts { def: &def, seen: &seen, words: &words, moments: trace.moments };
    let mut told = parts.explanation(of, holder);
    told.asked = trace.later.clone();
    Ok(told)
}

/// A copy of the realm that was traced to its end.
struct Seen {
    rebuilt: Rebuilt,
    collected: Collected,
    picture: Picture,
}

/// What has been traced, as it is said.
#[derive(Debug)]
struct Collected {
    moments: Moments,
    most: usize,
    before: Option<(u64, Tick)>,
    events: BTreeMap<Sym, Ring>,
    steps: VecDeque<BeatStep>,
    picture: Option<Picture>,
}

/// The last of what was done, with the number and the sum of all of it.
#[derive(Debug, Default)]
struct Ring {
    count: u64,
    sum: i64,
    last: VecDeque<Deed>,
}

impl Collected {
    fn new(moments: Moments, most: usize) -> Collected {
        let (events, steps) = (BTreeMap::new(), VecDeque::new());
        Collected { moments, most, before: None, events, steps, picture: None }
    }

    fn take(&mut self, traced: Traced) {
        match traced {
            Traced::Came(Came { tick, event, region, what, by }) => {
                let ring = self.events.entry(what).or_default();
                ring.count += 1;
                ring.sum = ring.sum.saturating_add(by);
                let event = Some(event_told(&event, region));
                let at = self.moments.at(tick);
                ring.last.push_back(Deed { at, event, change: by, value: None, why: String::new() });
                if ring.last.len() > self.most {
                    ring.last.pop_front();
                }
            }
            Traced::Tension(moved) => {
                if moved.left.is_none() {
                    self.before = Some((moved.now, moved.tick));
                    self.events.clear();
                }
            }
            Traced::Stands(stands) => {
                let at = self.moments.at(stands.tick);
                self.steps.push_back(BeatStep { at, beat: stands.beat.to_string(), ended: stands.is_over });
                if self.steps.len() > MOST_STEPS {
                    self.steps.pop_front();
                }
            }
            Traced::Picture(picture) => self.picture = Some(*picture),
        }
    }
}

async fn run(trace: &Trace<'_>, holder: Holder, begin: Begin) -> Result<Seen, ExplainError> {
    let watch = Watch { holder, arc: trace.of.quest, until: trace.until };
    let new = || Collected::new(trace.moments, trace.of.events.min(MOST_EVENTS));
    let collected = Arc::new(Mutex::new(new()));
    let told = Arc::clone(&collected);
    let tracing = TracingArc {
        watch,
        told: Arc::new(move |_: Tick, traced: Vec<Traced>| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            traced.into_iter().for_each(|traced| told.take(traced));
        }),
    };
    let graphs = traced_arc_graphs(trace.of.realm, tracing);
    let rebuilt = match begin {
        Begin::Newest => rebuild(&trace.config, graphs).await?,
        Begin::Before(ms) => retrace(&trace.config, ms, graphs, None).await?,
        Begin::First(recorder) => retrace(&trace.config, i64::MIN, graphs, recorder).await?,
    };
    // Workers that still hold it have ended.
    let mut collected =
        std::mem::replace(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner), new());
    let picture = collected.picture.take().ok_or(ExplainError::Unseen(trace.until))?;
    Ok(Seen { rebuilt, collected, picture })
}

/// Looks back to before the beat that it is in began, and at least an hour.
async fn back(trace: &Trace<'_>, holder: Holder, now: Seen) -> Result<Seen, ExplainError> {
    if now.rebuilt.snapshot.is_none() {
        // It was everything already.
        return Ok(now);
    }
    let length = trace.moments.length;
    let hour_ago = length.utc_ms(trace.until).saturating_sub(LOOK_BACK_MS);
    let entered = now.picture.here.as_ref().map(|here| length.utc_ms(here.entered));
    run(trace, holder, Begin::Before(entered.map_or(hour_ago, |ms| ms.min(hour_ago)))).await
}

fn def_of(trace: &Trace<'_>, seen: &Seen) -> Result<Arc<ArcDef>, ExplainError> {
    seen.picture.def.clone().ok_or_else(|| {
        let names = seen.picture.others.iter().map(|arc| arc.as_str());
        ExplainError::UnknownArc {
            arc: trace.of.quest.to_string(),
            at: trace.moments.at(trace.until).at,
            hint: hint_of_arc(trace.of.quest.as_str(), names),
        }
    })
}

/// What an arc might be that is none of these.
pub(super) fn hint_of_arc<'n>(arc: &str, names: impl Iterator<Item = &'n str>) -> String {
    match did_you_mean(arc, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name an arc of the world as it was then".to_owned(),
    }
}

fn without_holder(of: &Explain, trace: &Trace<'_>, now: &Seen, scope: Scope, player: Sym) -> ArcExplanation {
    let scope = scope.name();
    let why = match now.picture.known {
        true => format!("{player} has no {scope}, and the arc is a {scope}'s"),
        false => format!("nothing was ever heard of {player}, and the arc is a {scope}'s"),
    };
    ArcExplanation {
        realm: of.realm.to_string(),
        arc: of.quest.to_string(),
        scope: scope.to_owned(),
        now: trace.moments.at(trace.until),
        asked: trace.later.clone(),
        state: "waiting".to_owned(),
        why,
        ..ArcExplanation::default()
    }
}

/// What an explanation is made of.
struct Parts<'a> {
    def: &'a ArcDef,
    seen: &'a Seen,
    words: &'a Words,
    moments: Moments,
}

impl Parts<'_> {
    fn explanation(&self, of: &Explain, holder: Holder) -> ArcExplanation {
        let picture = &self.seen.picture;
        let here = picture.here.as_ref();
        let beat = here.and_then(|here| Some((here, self.def.beats.get(here.beat.as_str())?)));
        let open = beat.filter(|(here, _)| here.ended.is_none());
        let state = match here {
            None => "waiting",
            Some(here) if here.ended.is_some() => "ended",
            Some(_) => "in a beat",
        };
        let waits_for = open.map(|(here, beat)| self.waits_for(here, beat)).unwrap_or_default();
        let ways = open.map(|(here, beat)| self.ways(here, beat)).unwrap_or_default();
        ArcExplanation {
            realm: of.realm.to_string(),
            arc: of.quest.to_string(),
            scope: holder.scope.name().to_owned(),
            holder: holder.id.to_string(),
            now: self.moments.at(picture.tick),
            asked: None,
            world: self.words.world_time(),
            state: state.to_owned(),
            why: self.why(here, &waits_for, &ways),
            begun: here.map(|here| self.moments.at(here.begun)),
            beat: here.map(|here| here.beat.to_string()).unwrap_or_default(),
            phase: beat.map(|(_, beat)| beat.tension.name().to_owned()).unwrap_or_default(),
            since: here.map(|here| self.moments.at(here.ended.unwrap_or(here.entered))),
            begins: picture.begins.as_ref().filter(|_| here.is_none()).map(|node| self.words.tested(node)),
            tension: open.map(|(here, _)| self.tension(here)),
            waits_for,
            ways,
            chosen: here.into_iter().flat_map(|here| &here.chosen).map(|of| self.chosen(of)).collect(),
            beats: self.beats(here),
            history: self.seen.collected.steps.iter().cloned().collect(),
            looked_from: self.seen.rebuilt.snapshot.map(|tick| self.moments.at(tick)),
        }
    }

    fn why(&self, here: Option<&Here>, waits_for: &[Tested], ways: &[WayTold]) -> String {
        let picture = &self.seen.picture;
        let Some(here) = here else {
            return match &picture.begins {
                _ if !picture.is_there => "it has not begun: the holder is not there".to_owned(),
                Some(node) => format!("it has not begun: {}", self.words.unmet(node).join(", ")),
                None => "it begins as soon as the holder is there".to_owned(),
            };
        };
        if here.ended.is_some() {
            return format!("it ended in `{}`", here.beat);
        }
        let unmet: Vec<String> = waits_for.iter().filter(|of| !of.holds).map(said).collect();
        if !unmet.is_empty() {
            return format!("`{}` waits for {}", here.beat, unmet.join(" and "));
        }
        let open: Vec<&str> = ways.iter().filter(|way| way.open).map(|way| way.branch.as_str()).collect();
        match open.as_slice() {
            [] if ways.iter().all(|way| way.branch.is_empty()) => {
                format!("`{}` is over as soon as time goes on", here.beat)
            }
            [] => format!("`{}` is over, and no way leads on", here.beat),
            open => format!("`{}` is over, and can be left by {}", here.beat, open.join(" or ")),
        }
    }

    fn tension(&self, here: &Here) -> TensionTold {
        let collected = &self.seen.collected;
        let events = self.def.tension.events.iter().map(|(id, tense)| {
            let ring = collected.events.get(&Sym::new(id));
            TenseTold {
                id: id.clone(),
                events: pattern(&tense.pattern),
                add: tense.add,
                count: ring.map_or(0, |ring| ring.count),
                sum: ring.map_or(0, |ring| ring.sum),
                last: ring.into_iter().flat_map(|ring| ring.last.iter().cloned()).collect(),
            }
        });
        let before = collected.before.filter(|(value, _)| *value > 0);
        TensionTold {
            now: units(here.tension),
            most: self.def.tension.most,
            half_life: self.def.tension.half_life.to_string(),
            before: before.map(|(value, tick)| (units(value), self.moments.at(tick))),
            events: events.collect(),
        }
    }

    /// The tension that the beat wants, how long it lasts, and its condition.
    fn waits_for(&self, here: &Here, beat: &BeatDef) -> Vec<Tested> {
        let now = units(here.tension);
        let test = |test: String, holds: bool, now: String| Tested {
            is: Joined::Test,
            test,
            holds,
            now,
            of: Vec::new(),
        };
        let (wants, now) = match beat.tension {
            TargetDef::BuildUp(n) => (format!("tension up to {n}"), format!("now {now}")),
            TargetDef::Peak(n) if here.risen => {
                (format!("tension below {n} again"), format!("now {now}; it has been over it"))
            }
            TargetDef::Peak(n) => (format!("tension up to {n}, and below it again"), format!("now {now}")),
            TargetDef::Relax(n) => (format!("tension down to {n}"), format!("now {now}")),
        };
        let now = if here.reached { "reached".to_owned() } else { now };
        let mut all = vec![test(wants, here.reached, now)];
        all.extend(beat.after.map(|after| self.lasts(&format!("at least {after}"), here.lasts_until)));
        all.extend(here.when.as_ref().map(|node| self.words.tested(node)));
        all
    }

    /// A span that must have passed since the beat began.
    fn lasts(&self, test: &str, until: Option<Tick>) -> Tested {
        let now = until.map(|until| {
            let left = self.moments.between(self.seen.picture.tick, until);
            format!("until {} (in {left})", self.moments.at(until).at)
        });
        let (holds, now) = (now.is_none(), now.unwrap_or_default());
        Tested { is: Joined::Test, test: test.to_owned(), holds, now, of: Vec::new() }
    }

    fn ways(&self, here: &Here, beat: &BeatDef) -> Vec<WayTold> {
        if beat.branches.is_empty() {
            let beats: Vec<&str> = self.def.beats.iter().map(|(id, _)| id).collect();
            let place = beats.iter().position(|id| *id == here.beat.as_str());
            let next = place.and_then(|place| beats.get(place + 1)).filter(|_| !beat.ends);
            return vec![WayTold {
                to: next.map(|id| (*id).to_owned()).unwrap_or_default(),
                ..WayTold::default()
            }];
        }
        let ways = here.ways.iter();
        ways.filter_map(|way| Some(self.way(way, beat.branches.get(way.branch.as_str())?))).collect()
    }

    fn way(&self, way: &Way, def: &BranchDef) -> WayTold {
        let mut asks: Vec<Tested> = Vec::new();
        asks.extend(def.after.map(|after| self.lasts(&format!("after {after}"), way.waits_until)));
        asks.extend(way.when.as_ref().map(|node| self.words.tested(node)));
        let criterion = |(id, node): &(Sym, Node)| {
            let criterion = def.criteria.get(id.as_str())?;
            Some(CriterionTold {
                id: id.to_string(),
                weight: criterion.weight,
                required: criterion.required,
                asks: self.words.tested(node),
            })
        };
        WayTold {
            branch: way.branch.to_string(),
            to: name(way.to),
            chosen_by: def.chosen_by.as_ref().map(pattern).unwrap_or_default(),
            open: way.is_open,
            asks,
            criteria: way.criteria.iter().filter_map(criterion).collect(),
            score: way.score,
        }
    }

    fn chosen(&self, of: &worldflow_operators::arcs::traced::Choice) -> ChosenTold {
        ChosenTold {
            at: self.moments.at(of.at),
            beat: of.beat.to_string(),
            branch: of.branch.to_string(),
            to: name(of.to),
            score: of.score,
        }
    }

    fn beats(&self, here: Option<&Here>) -> Vec<BeatTold> {
        let times = |id: &str| {
            let mut visits = here.into_iter().flat_map(|here| &here.visits);
            visits.find(|(beat, _)| beat.as_str() == id).map_or(0, |(_, times)| *times)
        };
        let beats = self.def.beats.iter();
        let wants = |of: TargetDef| format!("{} {}", of.name(), of.tension());
        beats
            .map(|(id, beat)| BeatTold { beat: id.to_owned(), wants: wants(beat.tension), times: times(id) })
            .collect()
    }
}

fn said(of: &Tested) -> String {
    match of.is {
        Joined::Test if of.now.is_empty() => of.test.clone(),
        Joined::Test => format!("{} ({})", of.test, of.now),
        _ => of.of.iter().filter(|inner| !inner.holds).map(said).collect::<Vec<_>>().join(", "),
    }
}

fn name(id: Sym) -> String {
    if id.is_none() { String::new() } else { id.to_string() }
}

/// Millionths, to a tenth.
fn units(tension: u64) -> String {
    let tenths = i64::try_from(tension / 100_000).unwrap_or(i64::MAX / 100_000);
    Value::Dec(tenths * 100_000).to_string()
}
