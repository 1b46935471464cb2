//! Both machines of arcs as one, in one shard or several, and inputs for them.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_operators::arcs::{ArcsIn, ArcsMachine, ArcsOut, Felt, MatchesMachine};
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::messages::{FactNow, PlayerPlace};
use worldflow_operators::presence::PlayerNow;
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::{ARC_BRANCHES, ARC_STATE, ARC_TENSION, ViewId};
use worldflow_schemas::definitions::{ArcDef, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

use crate::support::{Run, Script, drive, shown, world};

/// Ten ticks a second.
pub(crate) fn valley() -> WorldDef {
    world(json!({
        "name": "arcs", "seed": 1, "tick_ms": 100,
        "regions": {"moor": {}, "gate": {}},
        "facts": {
            "mood": {"type": "int", "default": 0},
            "war": {"type": "bool", "default": false, "scope": "realm"},
            "held": {"type": "bool", "default": false, "scope": "region"},
        },
        "entities": {"wolf": {"kind": "npc", "tags": ["beast"]}, "elder": {"kind": "npc"}},
    }))
}

/// Matches and holders, some shards of each.
pub(crate) struct Both(Vec<(MatchesMachine, ArcsMachine)>);

impl Both {
    pub(crate) fn new(shards: usize) -> Both {
        let (realm, world) = (Sym::new("realm"), valley());
        let shard =
            |index| (MatchesMachine::new(realm, &world), ArcsMachine::new(realm, &world, (index, shards)));
        Both((0..shards).map(shard).collect())
    }

    fn shard_of(&self, route: u64) -> usize {
        usize::try_from(route % self.0.len() as u64).expect("few shards")
    }

    /// The inputs of each shard, routed as in the graph. `None`: to all.
    fn routed(&self, inputs: &[ArcsIn]) -> Vec<Vec<ArcsIn>> {
        let mut lists = vec![Vec::new(); self.0.len()];
        for input in inputs {
            let route = match input {
                ArcsIn::Player(now) => Some(now.player.hash64()),
                ArcsIn::Level(now) => Some(now.player.hash64()),
                ArcsIn::Fact(now) if now.holder.scope == Scope::Player => Some(now.holder.route()),
                ArcsIn::Event(event) if !event.player.is_none() => Some(event.player.hash64()),
                ArcsIn::Event(event) if !event.region.is_none() => Some(event.region.hash64()),
                ArcsIn::Event(_) => Some(Sym::new("realm").hash64()),
                ArcsIn::Felt(felt) => Some(felt.holder().route()),
                _ => None,
            };
            match route {
                Some(route) => lists[self.shard_of(route)].push(input.clone()),
                None => lists.iter_mut().for_each(|list| list.push(input.clone())),
            }
        }
        lists
    }

    fn run(
        &mut self,
        inputs: Vec<ArcsIn>,
        output: &mut Output<ArcsOut>,
        matches: impl Fn(&mut MatchesMachine, Vec<ArcsIn>, &mut Output<Felt>),
        arcs: impl Fn(&mut ArcsMachine, Vec<ArcsIn>, &mut Output<ArcsOut>),
    ) {
        let mut felt = Output::default();
        for (shard, list) in self.routed(&inputs).into_iter().enumerate() {
            let list = list.into_iter().filter(|input| !matches!(input, ArcsIn::Close(_))).collect();
            matches(&mut self.0[shard].0, list, &mut felt);
        }
        assert!(felt.base.is_empty() && felt.rows.is_empty());
        let others = inputs.into_iter().filter(|input| !matches!(input, ArcsIn::Event(_)));
        let all: Vec<ArcsIn> = others.chain(felt.out.into_iter().map(ArcsIn::Felt)).collect();
        for (shard, list) in self.routed(&all).into_iter().enumerate() {
            arcs(&mut self.0[shard].1, list, output);
        }
    }
}

impl Machine for Both {
    type In = ArcsIn;
    type Out = ArcsOut;
    const NAME: BaseName = "arcs";

    fn load(&mut self, row: BaseRow) {
        let shard = self.shard_of(row.route.hash64());
        self.0[shard].1.load(row);
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<ArcsIn>, output: &mut Output<ArcsOut>) {
        self.run(
            inputs,
            output,
            |m, list, out| m.loaded(tick, list, out),
            |m, list, out| m.loaded(tick, list, out),
        );
    }

    fn step(&mut self, tick: Tick, inputs: Vec<ArcsIn>, output: &mut Output<ArcsOut>) {
        self.run(
            inputs,
            output,
            |m, list, out| m.step(tick, list, out),
            |m, list, out| m.step(tick, list, out),
        );
    }

    fn alarm(&self) -> Option<Tick> {
        self.0.iter().filter_map(|(_, arcs)| arcs.alarm()).min()
    }
}

/// Beats are a map, or a list of pairs where the order of ids is not that of the file.
pub(crate) fn def(mut def: Json) -> Arc<ArcDef> {
    let beats = def.as_object_mut().expect("a map").remove("beats").expect("an arc has beats");
    let beats = match beats {
        Json::Array(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|pair| format!("{}: {}", pair[0], pair[1])).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        map => map.to_string(),
    };
    let rest = def.to_string();
    let open = rest.strip_suffix('}').expect("it is a map");
    let text = format!("{open}, \"beats\": {beats}}}");
    Arc::new(serde_json::from_str(&text).expect("an arc"))
}

pub(crate) fn define(id: &str, arc: Json) -> ArcsIn {
    ArcsIn::Define(Sym::new(id), Some(def(arc)))
}

pub(crate) fn remove(id: &str) -> ArcsIn {
    ArcsIn::Define(Sym::new(id), None)
}

/// A player who is in a region, and in a party.
pub(crate) fn place(player: &str, region: &str, party: &str) -> ArcsIn {
    let id = |id: &str| if id.is_empty() { Sym::NONE } else { Sym::new(id) };
    let place = PlayerPlace { region: id(region), party: id(party), ..PlayerPlace::default() };
    ArcsIn::Player(PlayerNow { player: Sym::new(player), place, present: !region.is_empty() })
}

pub(crate) fn event(id: u64, player: &str, kind: &str, target: &str, amount: i64) -> ArcsIn {
    ArcsIn::Event(Event {
        at_ms: 0,
        source: Sym::new("server"),
        id: EventId::Position(id),
        player: if player.is_empty() { Sym::NONE } else { Sym::new(player) },
        kind: Sym::new(kind),
        target: Sym::new(target),
        region: Sym::NONE,
        amount,
        with: None,
    })
}

pub(crate) fn kill(id: u64, player: &str, amount: i64) -> ArcsIn {
    event(id, player, "kill", "wolf", amount)
}

pub(crate) fn holder(scope: Scope, id: &str) -> Holder {
    Holder { scope, id: Sym::new(id) }
}

pub(crate) fn fact(of: Holder, fact: &str, value: Value) -> ArcsIn {
    ArcsIn::Fact(FactNow { holder: of, fact: Sym::new(fact), value: Some(value) })
}

pub(crate) fn mood(player: &str, value: i64) -> ArcsIn {
    fact(holder(Scope::Player, player), "mood", Value::Int(value))
}

/// Runs a script in one shard, up to a tick.
pub(crate) fn run(script: &Script<ArcsIn>, until: Tick) -> Run {
    drive(&mut Both::new(1), script, 0, until)
}

/// What comes and goes of a view in the whole run: tick, and rows from the holder on.
pub(crate) fn story(run: &Run, view: ViewId) -> Vec<String> {
    let mut all = Vec::new();
    for (tick, changed) in run {
        let of_view = changed.rows.iter().filter(|((of, _), _)| *of == view);
        let mut lines: Vec<String> =
            of_view.map(|((_, row), diff)| format!("{tick}: {diff:+} {}", shown(row))).collect();
        lines.sort();
        all.extend(lines);
    }
    all
}

/// The beats that begin: tick, beat and phase, for whoever has one.
pub(crate) fn beats(run: &Run) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (tick, changed) in run {
        let before = all.len();
        for ((view, row), diff) in &changed.rows {
            if *view == ARC_STATE && *diff > 0 {
                let line = format!("{} {} {}", row[2], row[4], row[5]);
                let now = format!("{tick}: {line}");
                if row[6] == Value::count(*tick) {
                    all.push(now.replace('"', ""));
                }
            }
        }
        all[before..].sort();
    }
    all
}

pub(crate) fn tensions(run: &Run) -> Vec<String> {
    story(run, ARC_TENSION).into_iter().filter(|line| line.contains(": +1")).collect()
}

pub(crate) fn branches(run: &Run) -> Vec<String> {
    story(run, ARC_BRANCHES)
}
