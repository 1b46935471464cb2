//! Random inputs of random worlds: events, writes, answers.

use worldflow_schemas::input::{
    CloseWrite, EntityBody, EntityChange, EntityWrite, FactChange, FactWrite, GrantAnswer, Holder,
    MembershipWrite, PresenceWrite, Scope, WriteOrder,
};
use worldflow_schemas::{Command, Event, EventId, Input, Sym, Tick, Value};

use super::random::{Draws, KINDS, PLAYERS, REALM, TARGETS, TICK_MS};

fn one_of(draws: &mut Draws, names: &[String]) -> Sym {
    let place = draws.below(names.len().max(1) as u64);
    names.get(usize::try_from(place).expect("small")).map_or(Sym::new("q0"), |name| Sym::new(name))
}

pub(super) fn input(draws: &mut Draws, names: &[String], tick: Tick, number: u64) -> Input {
    // Events of a tick have times up to it; ids are not in the order of times.
    let at_ms = i64::try_from(tick * TICK_MS - draws.below(TICK_MS)).expect("in range");
    let (source, id) = (Sym::new(draws.of(&["s1", "s2"])), EventId::Position(number * 7919 % 10_007));
    let order = WriteOrder { at_ms, source, id: id.clone() };
    let player = Sym::new(draws.of(&PLAYERS));
    let none_or = |draws: &mut Draws, names: &[&'static str], percent| {
        if draws.percent(percent) { Sym::NONE } else { Sym::new(draws.of(names)) }
    };
    match draws.below(20) {
        0..10 => {
            let mut with =
                vec![(Sym::new("damage"), Value::Int(i64::try_from(draws.below(12)).expect("small")))];
            if draws.percent(20) {
                with[0].1 = Value::Dec(2_500_000);
            }
            if draws.percent(60) {
                with.push((Sym::new("weapon"), Value::Sym(Sym::new(draws.of(&["bow", "axe", "fork"])))));
            }
            let nobody = draws.percent(8);
            Input::Event(Event {
                at_ms,
                source,
                id,
                player: if nobody { Sym::NONE } else { player },
                kind: Sym::new(draws.of(&KINDS)),
                target: none_or(draws, &TARGETS, 10),
                region: none_or(draws, &["moor", "town"], 60),
                amount: i64::try_from(1 + draws.below(3)).expect("small"),
                with: (!draws.percent(30)).then(|| with.into()),
            })
        }
        10..15 => {
            let verb = draws.of(&[
                "quest.accept",
                "quest.accept",
                "quest.accept",
                "quest.turn_in",
                "quest.turn_in",
                "quest.abandon",
                "quest.offer",
                "quest.decline",
                "quest.share",
                "quest.share",
                "quest.revoke",
            ]);
            Input::Event(Event {
                at_ms,
                source,
                id,
                player,
                kind: verb.into(),
                target: one_of(draws, names),
                region: none_or(draws, &["moor", "town"], 60),
                amount: 1,
                with: draws.percent(60).then(|| {
                    let choose = Value::Sym(Sym::new(draws.of(&["bow", "axe", "fork"])));
                    let npc = Value::Sym(Sym::new(draws.of(&TARGETS)));
                    vec![(Sym::new("choose"), choose), (Sym::new("npc"), npc)].into()
                }),
            })
        }
        15 | 16 => {
            let away = draws.percent(15);
            let server = if away { Sym::NONE } else { "server".into() };
            let (region, instance) = if away {
                (Sym::NONE, Sym::NONE)
            } else {
                (none_or(draws, &["moor", "town"], 20), none_or(draws, &["i1", "i2"], 30))
            };
            Input::Command(Command::Presence(PresenceWrite { order, player, server, region, instance }))
        }
        17 if draws.percent(15) => {
            let group = draws.of(&[
                (Scope::Party, "red"),
                (Scope::Party, "blue"),
                (Scope::Guild, "oak"),
                (Scope::Account, "a1"),
                (Scope::Instance, "i1"),
                (Scope::Instance, "i2"),
            ]);
            let group = Holder { scope: group.0, id: group.1.into() };
            Input::Command(Command::Close(CloseWrite { order, group }))
        }
        17 => {
            let (scope, groups) = draws.of(&[
                (Scope::Party, ["red", "blue"]),
                (Scope::Guild, ["oak", "elm"]),
                (Scope::Account, ["a1", "a2"]),
            ]);
            let group = none_or(draws, &groups, 25);
            Input::Command(Command::Membership(MembershipWrite { order, player, scope, group }))
        }
        18 => {
            let (fact, holder) = if draws.percent(50) {
                ("mood", Holder { scope: Scope::Realm, id: Sym::new(REALM) })
            } else {
                ("fame", Holder { scope: Scope::Player, id: player })
            };
            let by = Value::Int(i64::try_from(draws.below(5)).expect("small"));
            let change = if draws.percent(50) { FactChange::Set(by) } else { FactChange::Add(by) };
            Input::Command(Command::Fact(FactWrite { order, holder, fact: fact.into(), change }))
        }
        _ if draws.percent(50) => {
            let tag = Sym::new(draws.of(&["big", "human", "beast"]));
            let region = Value::text(draws.of(&["moor", "town"]));
            let body = EntityBody {
                kind: Sym::new("npc"),
                tags: vec![tag],
                properties: vec![(Sym::new("region"), region)],
            };
            let merged = EntityChange::Merge {
                properties: match draws.below(4) {
                    0 => vec![(Sym::new("region"), Value::Null)],
                    1 | 2 => vec![(Sym::new("region"), Value::text(draws.of(&["moor", "town"])))],
                    _ => Vec::new(),
                },
                add_tags: vec![Sym::new(draws.of(&["big", "human", "beast"]))],
                remove_tags: vec![Sym::new(draws.of(&["vermin", "none"]))],
            };
            let change = match draws.below(10) {
                0 | 1 => EntityChange::Delete,
                2..4 => EntityChange::Upsert(body),
                _ => merged,
            };
            let entity = Sym::new(draws.of(&TARGETS));
            Input::Command(Command::Entity(EntityWrite { order, entity, change }))
        }
        _ => {
            let quest = one_of(draws, names);
            let grant = format!("{quest}/player:{player}/1/loot/{player}").into();
            let delivered = draws.percent(60);
            let reason = if delivered { "" } else { "bag_full" };
            Input::Command(Command::GrantAnswer(GrantAnswer {
                order,
                grant,
                delivered,
                reason: reason.into(),
            }))
        }
    }
}
