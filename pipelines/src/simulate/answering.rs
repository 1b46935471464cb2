//! Who answers when players talk to NPCs: simulated tiers, asked in the time of the realm.
//!
//! `npc_requests, npc_lines, tier_states of a tick ─→ SimulatedTiers ─→ sentences and replies, due at a tick` and what became of each
//! request, for `talk`.

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::Item;
use worldflow_engine::realm::Realm;
use worldflow_schemas::catalog::{NPC_LINES, NPC_REQUESTS, TIER_STATES, ViewId};
use worldflow_schemas::definitions::StoryTrigger;
use worldflow_schemas::input::{Finish, Reply};
use worldflow_schemas::{ArcStr, Command, Input, Row, Sym, Tick, Value};
use worldflow_sinks::tiers::{SimulatedTiers, TiersError, Told};

use super::board::Changes;
use super::served::simulated_server;
use super::talk::{End, TalkReport, TalkTally, WHYS};
use crate::world::LoadedWorld;

/// The views that tell of talk.
pub(super) const READ: [ViewId; 3] = [NPC_REQUESTS, NPC_LINES, TIER_STATES];

/// What may be said without an answer of what was asked: the bark of an NPC that goes on waiting, and what is said later of a reply.
const OF_REQUESTS: [&str; 2] = ["late", "failed"];

/// Who speaks to whom.
type Pair = (Sym, Sym);

/// A request that is open.
#[derive(Debug)]
struct Open {
    pair: Pair,
    asked: Duration,
    deadline: Tick,
    /// When the first sentence was there.
    first: Option<Duration>,
    reply: Option<Replied>,
}

/// A reply that was told.
#[derive(Clone, Copy, Debug)]
struct Replied {
    at: Duration,
    tier: Sym,
    answered: bool,
    shared: bool,
    finish: Finish,
}

/// A line that an NPC has said.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    request: &'a str,
    /// Why it is no answer; empty when it is, or nothing was asked.
    why: &'a str,
}

/// The tiers, and the requests that are open.
pub(super) struct Answering {
    tiers: SimulatedTiers,
    began: Tick,
    tick: Duration,
    open: BTreeMap<ArcStr, Open>,
    talk: TalkTally,
    /// The kinds of events for which NPCs may ask something.
    pub(super) kinds: FxHashSet<Sym>,
    /// Whether they may without one.
    pub(super) asks_by_itself: bool,
}

impl Answering {
    /// The tiers of a realm that begins at a tick.
    pub(super) fn new(world: &LoadedWorld, realm: &Realm, began: Tick) -> Result<Answering, TiersError> {
        let (mut kinds, mut asks_by_itself) = (FxHashSet::default(), false);
        kinds.extend(world.npcs.values().map(|npc| Sym::new(&npc.addressed_by)));
        for story in world.storylets.values().filter(|story| story.ask.is_some()) {
            match &story.trigger {
                StoryTrigger::Happens(pattern) => drop(kinds.insert(Sym::new(&pattern.event))),
                StoryTrigger::Holds {} | StoryTrigger::FollowUp {} => asks_by_itself = true,
                StoryTrigger::Addressed | StoryTrigger::Bark {} => {}
            }
        }
        Ok(Answering {
            tiers: SimulatedTiers::open(realm.clone(), simulated_server)?,
            began,
            tick: Duration::from_millis(u64::from(world.world.tick_ms.max(1))),
            open: BTreeMap::new(),
            talk: TalkTally::new(&world.world),
            kinds,
            asks_by_itself,
        })
    }

    /// The moment of a tick, since the beginning.
    fn at(&self, tick: Tick) -> Duration {
        let ticks = u32::try_from(tick.saturating_sub(self.began)).unwrap_or(u32::MAX);
        self.tick.saturating_mul(ticks)
    }

    /// A tick has changed this.
    pub(super) fn see(&mut self, tick: Tick, changes: &Changes) {
        let mut lines = lines(changes);
        let came: Vec<ArcStr> = requests(changes, true).map(|row| text(row, "request").into()).collect();
        let mut gone: Vec<ArcStr> = requests(changes, false).map(|row| text(row, "request").into()).collect();
        gone.retain(|request| !came.contains(request));
        gone.sort();
        for request in gone {
            self.ends(tick, &request, &mut lines);
        }
        let is_of_request = |line: &&Line<'_>| !line.request.is_empty() || OF_REQUESTS.contains(&line.why);
        let left = lines.values().flatten().filter(|line| !line.why.is_empty() && !is_of_request(line));
        for line in left {
            *self.talk.unasked.entry(line.why.to_owned()).or_default() += 1;
        }
        let at = self.at(tick);
        self.tiers.see(tick, at, changes);
        for row in requests(changes, true) {
            let deadline = int(row, "deadline");
            let open = Open {
                pair: (sym(row, "player"), sym(row, "npc")),
                asked: self.at(int(row, "asked")),
                deadline,
                first: None,
                reply: None,
            };
            self.open.entry(text(row, "request").into()).or_insert(open);
        }
    }

    /// A request waits no longer. What was said in its tick says why; that line is told of then.
    fn ends(&mut self, tick: Tick, request: &ArcStr, lines: &mut FxHashMap<Pair, Vec<Line<'_>>>) {
        let Some(Open { pair, asked, deadline, first, reply }) = self.open.remove(request) else { return };
        let said = lines.entry(pair).or_default();
        let is_said = said.iter().any(|line| line.request == request.as_str() && line.why.is_empty());
        let tier = reply.map_or_else(|| self.tiers.tier_of(request), |reply| reply.tier);
        let why = |why: &str| WHYS.iter().position(|known| *known == why);
        let barked = said.iter().position(|line| why(line.why).is_some());
        let end = match (reply, barked) {
            (Some(Replied { at, answered: true, shared, .. }), _) if is_said => {
                let whole = at.saturating_sub(asked);
                let first = first.map_or(whole, |first| first.saturating_sub(asked));
                End::Answered { shared, first, whole }
            }
            (_, Some(line)) => End::Unanswered(why(said.remove(line).why).unwrap_or(0)),
            (Some(Replied { answered: false, finish, .. }), None) => {
                let because = if finish == Finish::NoTime { "no_time" } else { "failed" };
                End::Unanswered(why(because).unwrap_or(0))
            }
            (_, None) if tick >= deadline => End::Unanswered(why("late").unwrap_or(0)),
            (_, None) => End::Cancelled,
        };
        self.talk.ended(tier.as_str(), end);
    }

    /// What the tiers have told by the moment at which a tick begins, by who tells it.
    pub(super) fn due(&mut self, tick: Tick) -> BTreeMap<&'static str, Vec<Item>> {
        self.tiers.pass(self.at(tick));
        let mut due: BTreeMap<&'static str, Vec<Item>> = BTreeMap::new();
        for Told { at, source, item } in self.tiers.take_told() {
            match &item.input {
                Input::Command(Command::Sentence(sentence)) => {
                    if let Some(open) = self.open.get_mut(&sentence.request) {
                        open.first.get_or_insert(at);
                    }
                }
                Input::Command(Command::Reply(reply)) => self.replied(at, reply),
                _ => {}
            }
            due.entry(source.as_str()).or_default().push(item);
        }
        due
    }

    fn replied(&mut self, at: Duration, reply: &Reply) {
        self.talk.costs(reply);
        if let Some(open) = self.open.get_mut(&reply.request) {
            open.reply = Some(Replied {
                at,
                tier: reply.tier,
                answered: reply.outcome.is_ok(),
                shared: reply.shared,
                finish: reply.finish,
            });
        }
    }

    /// The first tick to which the tiers may tell something, if nothing is asked or taken back until then.
    pub(super) fn next(&self) -> Option<Tick> {
        let ticks = self.tiers.next()?.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        Some(self.began.saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX)))
    }

    /// What was asked, and what came of it; what is open stays so.
    pub(super) fn report(mut self) -> TalkReport {
        for request in std::mem::take(&mut self.open).into_keys() {
            let tier = self.tiers.tier_of(&request);
            self.talk.ended(tier.as_str(), End::Open);
        }
        self.talk.report(|tier| self.tiers.most_at_once(tier))
    }
}

fn requests(changes: &Changes, came: bool) -> impl Iterator<Item = &Row> {
    let of = changes.iter().filter(move |(view, _, diff)| *view == NPC_REQUESTS && (*diff > 0) == came);
    of.map(|(_, row, _)| row)
}

/// The lines that were said in a tick, by who said them to whom.
fn lines(changes: &Changes) -> FxHashMap<Pair, Vec<Line<'_>>> {
    let column = |name| NPC_LINES.def().column(name).expect("the catalog has the column");
    let (player, npc, request, why) = (column("player"), column("npc"), column("request"), column("why"));
    let mut lines: FxHashMap<Pair, Vec<Line<'_>>> = FxHashMap::default();
    for (_, row, _) in changes.iter().filter(|(view, _, diff)| *view == NPC_LINES && *diff > 0) {
        let (Value::Sym(player), Value::Sym(npc)) = (&row[player], &row[npc]) else { continue };
        let said = |at: usize| row[at].as_str().unwrap_or_default();
        let line = Line { request: said(request), why: said(why) };
        lines.entry((*player, *npc)).or_default().push(line);
    }
    lines
}

fn value<'a>(row: &'a Row, column: &str) -> &'a Value {
    let place = NPC_REQUESTS.def().column(column).expect("the catalog has the column");
    &row[place]
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    value(row, column).as_str().unwrap_or_default()
}

fn sym(row: &Row, column: &str) -> Sym {
    match value(row, column) {
        Value::Sym(id) => *id,
        _ => Sym::NONE,
    }
}

fn int(row: &Row, column: &str) -> u64 {
    match value(row, column) {
        Value::Int(n) => u64::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}
