//! What the operator of NPCs is told, in short: talks, players, facts, the clock, answers.

use std::sync::Arc;

use worldflow_operators::messages::{ClockNow, FactNow, PlayerPlace};
use worldflow_operators::npcs::NpcsIn;
use worldflow_operators::presence::PlayerNow;
use worldflow_schemas::input::{Finish, Holder, Reply, Scope};
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

/// A player talks to an NPC, and says something or nothing.
pub(crate) fn talk_to(npc: &str, id: u64, player: &str, said: Option<&str>) -> NpcsIn {
    NpcsIn::Event(Event {
        at_ms: 0,
        source: Sym::new("server"),
        id: EventId::Position(id),
        player: Sym::new(player),
        kind: Sym::new("talk"),
        target: Sym::new(npc),
        region: Sym::NONE,
        amount: 1,
        with: said.map(|said| Arc::from([(Sym::new("said"), Value::text(said))])),
    })
}

/// Where a player is, and whether they are there.
pub(crate) fn player(player: &str, region: &str, present: bool) -> NpcsIn {
    let place = PlayerPlace { region: Sym::new(region), ..PlayerPlace::default() };
    NpcsIn::Player(PlayerNow { player: Sym::new(player), place, present })
}

/// A fact; at its default it has no value.
pub(crate) fn fact_of(scope: Scope, holder: &str, fact: &str, value: Option<Value>) -> FactNow {
    FactNow { holder: Holder { scope, id: Sym::new(holder) }, fact: Sym::new(fact), value }
}

/// The clock in a phase of a day in spring; world time goes so fast.
pub(crate) fn clock_at(phase: &str, world_ms: i64, since: Tick, scale_world: u32) -> NpcsIn {
    NpcsIn::Clock(ClockNow {
        world_ms,
        fraction: (0, 1),
        since,
        scale_world,
        scale_real: 1,
        paused: false,
        phase: Sym::new(phase),
        season: Sym::new("spring"),
        moons: Vec::new(),
    })
}

/// An answer of a tier, or why there is none; what it is judged and how it ended is for the test to say.
pub(crate) fn answer(request: &str, tier: &str, outcome: Result<&str, &str>) -> Reply {
    Reply {
        request: request.into(),
        tier: if tier.is_empty() { Sym::NONE } else { Sym::new(tier) },
        outcome: outcome.map(Into::into).map_err(Into::into),
        took_ms: 70,
        tokens: 3,
        finish: Finish::Stop,
        replica: 1,
        first_ms: 5,
        prompt_tokens: 40,
        model: "tiny".into(),
        seed: 1,
        digest: "d".into(),
        revision: "r".into(),
        shared: false,
        verdict: if outcome.is_ok() { "accept".into() } else { "".into() },
        rule: "".into(),
        refs: Vec::new(),
        retried: "".into(),
    }
}
