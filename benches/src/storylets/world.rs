//! A world with much to say: NPCs in regions, storylets of every trigger, and players whose facts change.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_operators::messages::{ClockNow, EntityTags, FactNow, PlayerPlace};
use worldflow_operators::npcs::NpcsIn;
use worldflow_operators::presence::PlayerNow;
use worldflow_schemas::definitions::{NpcDef, StoryletDef, WorldDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

use super::{StoryletsArgs, draw};

/// Facts of each player, and of the realm.
const FACTS: u64 = 100;
const REALM_FACTS: u64 = 10;
/// The facts of each player that are other than their defaults.
const FACTS_OF_A_PLAYER: u64 = 10;
const REGIONS: u64 = 50;
const TAGS: u64 = 20;
const PLACES: u64 = 40;
const PHASES: [&str; 4] = ["dawn", "day", "dusk", "night"];
/// Ticks after which nobody is silent any longer: somewhat more than five seconds.
pub(super) const SETTLES: Tick = 600;

/// The definitions, and what may happen.
pub(super) struct World {
    pub(super) def: WorldDef,
    players: u64,
    storylets: u64,
    npcs: u64,
}

fn name(of: &str, n: u64) -> Sym {
    Sym::new(&format!("{of}{n}"))
}

fn read<T: serde::de::DeserializeOwned>(json: Json) -> Arc<T> {
    Arc::new(serde_json::from_value(json).expect("the bench's definitions are well formed"))
}

impl World {
    pub(super) fn of(args: &StoryletsArgs) -> World {
        let regions: serde_json::Map<String, Json> =
            (0..REGIONS).map(|n| (format!("region{n}"), json!({}))).collect();
        let own = (0..FACTS).map(|n| (format!("fact{n}"), json!({"type": "int", "default": 0})));
        let of_realm = (0..REALM_FACTS)
            .map(|n| (format!("news{n}"), json!({"type": "bool", "default": false, "scope": "realm"})));
        let facts: serde_json::Map<String, Json> = own.chain(of_realm).collect();
        let world = json!({"name": "bench", "seed": 1, "tick_ms": 10, "regions": regions, "facts": facts});
        World {
            def: Arc::unwrap_or_clone(read(world)),
            players: args.players.max(1),
            storylets: args.storylets,
            npcs: args.npcs.max(1),
        }
    }

    /// All that is defined.
    pub(super) fn definitions(&self) -> Vec<NpcsIn> {
        let npcs = (0..self.npcs).flat_map(|n| {
            let def = read::<NpcDef>(json!({"barks": ["Hm.", "Busy."]}));
            let tags = vec![name("trade", n % TAGS)];
            let entity =
                EntityTags { entity: name("npc", n), there: true, tags, region: name("region", n % REGIONS) };
            [NpcsIn::Entity(entity), NpcsIn::Define(name("npc", n), Some(def))]
        });
        let storylets = (0..self.storylets).map(|n| {
            NpcsIn::DefineStorylet(name("storylet", n), Some(read::<StoryletDef>(self.storylet(n))))
        });
        npcs.chain(storylets).chain([self.phase(0)]).collect()
    }

    fn storylet(&self, n: u64) -> Json {
        let who = match n % 5 {
            0 => format!("trade{}", draw("who", n, TAGS)),
            _ => format!("npc{}", draw("who", n, self.npcs)),
        };
        let mut def = json!({"who": who, "lines": ["One thing, {player}.", "And another."]});
        let least = |of, most| 1 + draw(of, n, most);
        def["when"] =
            json!({"facts": {format!("fact{}", draw("fact", n, FACTS)): {"at_least": least("least", 5)}}});
        if n.is_multiple_of(3) {
            def["when"]["phase"] = json!(PHASES[usize::try_from(n / 3 % 4).unwrap_or(0)]);
        }
        if n.is_multiple_of(7) {
            def["when"]["facts"][format!("news{}", draw("news", n, REALM_FACTS))] = json!(true);
        }
        let friend = json!({"facts": {format!("fact{}", draw("friend", n, FACTS)): {"at_least": 3}}});
        def["criteria"] = json!({"friend": {"when": friend, "weight": 2}});
        match n / 5 % 20 {
            0..12 => {}
            12..15 => {
                def["trigger"] = json!({"holds": {}});
                def["limits"]["player"] = json!({"most": 1});
            }
            15..17 => {
                let target = format!("place{}", draw("place", n, PLACES));
                def["trigger"] = json!({"happens": {"event": "enter", "target": target}});
            }
            17..19 => def["trigger"] = json!({"bark": {}}),
            _ => def["trigger"] = json!({"follow_up": {}}),
        }
        if n % 50 == 1 {
            def["limits"]["realm"] = json!({"cooldown": "1s"});
        }
        def
    }

    fn player(&self, of: &str, n: u64) -> Sym {
        name("player", draw(of, n, self.players))
    }

    fn is_in(player: Sym, region: u64) -> NpcsIn {
        let place = PlayerPlace { region: name("region", region), ..PlayerPlace::default() };
        NpcsIn::Player(PlayerNow { player, place, present: true })
    }

    /// A player comes, and what is known of them.
    pub(super) fn arrives(&self, n: u64) -> Vec<NpcsIn> {
        let player = name("player", n);
        let facts = (0..FACTS_OF_A_PLAYER).map(|k| {
            let value = 1 + draw("value", n * FACTS_OF_A_PLAYER + k, 6);
            World::fact(player, draw("known", n * FACTS_OF_A_PLAYER + k, FACTS), value)
        });
        [World::is_in(player, draw("region", n, REGIONS))].into_iter().chain(facts).collect()
    }

    fn fact(player: Sym, fact: u64, value: u64) -> NpcsIn {
        let holder = Holder { scope: Scope::Player, id: player };
        NpcsIn::Fact(FactNow { holder, fact: name("fact", fact), value: Some(Value::count(value)) })
    }

    pub(super) fn changes_fact(&self, n: u64) -> NpcsIn {
        World::fact(self.player("changes", n), draw("what", n, FACTS), draw("to", n, 7))
    }

    pub(super) fn moves(&self, n: u64) -> NpcsIn {
        World::is_in(self.player("moves", n), draw("whereto", n, REGIONS))
    }

    fn event(&self, n: u64, kind: &str, target: Sym) -> Event {
        Event {
            at_ms: 0,
            source: Sym::new("server"),
            id: EventId::Position(n),
            player: self.player(kind, n),
            kind: Sym::new(kind),
            target,
            region: Sym::NONE,
            amount: 1,
            with: None,
        }
    }

    pub(super) fn happens(&self, n: u64) -> NpcsIn {
        NpcsIn::Happened(self.event(n, "enter", name("place", draw("enters", n, PLACES))))
    }

    pub(super) fn talk(&self, n: u64) -> NpcsIn {
        NpcsIn::Event(self.event(n, "talk", name("npc", draw("to whom", n, self.npcs))))
    }

    pub(super) fn phase(&self, n: u64) -> NpcsIn {
        NpcsIn::Clock(ClockNow {
            world_ms: 0,
            fraction: (0, 1),
            since: 0,
            scale_world: 1,
            scale_real: 1,
            paused: false,
            phase: Sym::new(PHASES[usize::try_from(n % 4).unwrap_or(0)]),
            season: Sym::new("summer"),
            moons: Vec::new(),
        })
    }

    pub(super) fn realm_fact(&self, n: u64) -> NpcsIn {
        let holder = Holder { scope: Scope::Realm, id: Sym::new("bench") };
        NpcsIn::Fact(FactNow { holder, fact: name("news", n), value: Some(Value::Bool(true)) })
    }
}
