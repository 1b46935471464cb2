//! What players want sent, as a game server sends it: named, in order, held to the world's rules, and some of it twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use worldflow_engine::admission::Item;
use worldflow_schemas::input::{Command, GrantAnswer, MembershipWrite, PresenceWrite, Scope, WriteOrder};
use worldflow_schemas::{Event, EventId, Input, Sym, Value};
use worldflow_sources::recording::Rules;

use super::gates::Actor;
use crate::bots::Dice;
use crate::world::LoadedWorld;

/// The game server.
pub(super) const SOURCE: &str = "players";

/// What is to be sent.
pub(super) struct Mail {
    rules: Rules,
    dice: Dice,
    source: Sym,
    server: Sym,
    /// The moment at which players begin, UTC milliseconds.
    began_ms: i64,
    at_ms: i64,
    player: Sym,
    resends: usize,
    number: u64,
    items: Vec<Item>,
    /// Sent again with the same batch, and with the next one.
    again: Vec<Item>,
    again_later: Vec<Item>,
    /// What broke a rule of the world, by code.
    pub(super) refused: BTreeMap<&'static str, u64>,
}

/// A batch, whose last items have been sent before.
pub(super) struct Batched {
    pub(super) items: Vec<Item>,
    /// How many of them are new.
    pub(super) new: usize,
}

impl Batched {
    /// All of them new.
    pub(super) fn of(items: Vec<Item>) -> Batched {
        Batched { new: items.len(), items }
    }
}

impl Mail {
    pub(super) fn new(world: &LoadedWorld, began_ms: i64, seed: u64) -> Mail {
        let realm = Sym::new(&world.world.name);
        Mail {
            rules: Rules::new(realm, &world.world),
            dice: Dice::new(seed.rotate_left(32) ^ 1),
            source: Sym::new(SOURCE),
            server: Sym::new("simulated"),
            began_ms,
            at_ms: began_ms,
            player: Sym::NONE,
            resends: 0,
            number: 0,
            items: Vec::new(),
            again: Vec::new(),
            again_later: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// What follows is a player's, at a moment since the beginning; so many in a hundred events are sent again.
    pub(super) fn at(&mut self, at_ms: u64, player: Sym, resends: u32) {
        self.at_ms = self.began_ms.saturating_add(i64::try_from(at_ms).unwrap_or(i64::MAX));
        self.player = player;
        self.resends = resends as usize;
    }

    fn id(&mut self) -> EventId {
        self.number += 1;
        // Padded, so that of one moment what comes first is first.
        EventId::Named(format!("{:012}", self.number).into())
    }

    fn order(&mut self) -> WriteOrder {
        WriteOrder { at_ms: self.at_ms, source: self.source, id: self.id() }
    }

    fn write(&mut self, make: impl FnOnce(WriteOrder) -> Command) {
        let order = self.order();
        let id = order.id.clone();
        self.items.push(Item { id, input: Input::Command(make(order)), most_per_s: None });
    }

    /// An event of the player, as it is written in JSON.
    pub(super) fn event(&mut self, event: Map<String, Json>) {
        let text = |key: &str| event.get(key).and_then(Json::as_str).map_or(Sym::NONE, Sym::new);
        let with = event.get("with").and_then(Json::as_object).map(|with| {
            let mut with: Vec<(Sym, Value)> = with
                .iter()
                .filter_map(|(name, value)| Some((Sym::new(name), Value::from_json(value)?)))
                .collect();
            with.sort_by(|a, b| a.0.cmp_text(b.0));
            with.into()
        });
        let event = Event {
            at_ms: self.at_ms,
            source: self.source,
            id: self.id(),
            player: self.player,
            kind: text("kind"),
            target: text("target"),
            region: text("region"),
            amount: event.get("amount").and_then(Json::as_i64).unwrap_or(1),
            with,
        };
        if let Err(refusal) = self.rules.event(&event) {
            *self.refused.entry(refusal.code).or_default() += 1;
            return;
        }
        let item = |event: &Event| Item {
            id: event.id.clone(),
            input: Input::Event(event.clone()),
            most_per_s: None,
        };
        if self.dice.percent(self.resends) {
            let again = if self.dice.percent(50) { &mut self.again } else { &mut self.again_later };
            again.push(item(&event));
        }
        self.items.push(item(&event));
    }

    /// Where the player is from now on, or that it is away.
    pub(super) fn presence(&mut self, place: &Actor, here: bool) {
        let (server, player) = (self.server, place.player);
        let of = |sym: Sym| if here { sym } else { Sym::NONE };
        let (server, region, instance) = (of(server), place.region, of(place.instance));
        self.write(|order| Command::Presence(PresenceWrite { order, player, server, region, instance }));
    }

    /// The player joins a group.
    pub(super) fn joins(&mut self, scope: Scope, group: Sym) {
        let player = self.player;
        self.write(|order| Command::Membership(MembershipWrite { order, player, scope, group }));
    }

    /// A grant has been handed out.
    pub(super) fn delivered(&mut self, grant: &str) {
        let grant = grant.into();
        let answer = |order| GrantAnswer { order, grant, delivered: true, reason: "".into() };
        self.write(|order| Command::GrantAnswer(answer(order)));
    }

    /// Everything that has come together, with what is sent again.
    pub(super) fn take(&mut self) -> Batched {
        let mut items = std::mem::take(&mut self.items);
        let new = items.len();
        items.append(&mut self.again);
        // It goes out with the next batch.
        self.again = std::mem::take(&mut self.again_later);
        Batched { items, new }
    }
}
