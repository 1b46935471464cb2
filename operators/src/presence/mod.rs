//! Presence and membership: where each player is, and which groups they belong to.
//!
//! `presence writes, membership writes ─fold per player, in order→ presence ─→ PlayerNow`
//!
//! A player who leaves is nowhere, but stays in party, guild and account. A player who is away and
//! belongs to nothing has no row.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog;
use worldflow_schemas::input::{CloseWrite, Holder, MembershipWrite, PresenceWrite, Scope, WriteOrder};
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::machine::{Machine, Output};
use crate::messages::{PlayerPlace, Refused};
use crate::piece;

/// What the operator of presence is told. Routed by the player, but for the end of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PresenceIn {
    /// A player comes, moves or leaves.
    Presence(PresenceWrite),
    /// A player joins or leaves a group.
    Membership(MembershipWrite),
    /// A group is no more: everyone leaves it. Broadcast.
    Close(CloseWrite),
}

/// A player from this tick on. Goes to the player's worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlayerNow {
    /// Who.
    pub player: Sym,
    /// Where, and in which groups.
    pub place: PlayerPlace,
    /// Whether a game server has the player.
    pub present: bool,
}

/// What the operator of presence tells others.
#[derive(Clone, PartialEq, Debug)]
pub enum PresenceOut {
    /// A player has come, moved, left, joined or left a group.
    Now(PlayerNow),
    /// A write that could not be done.
    Refused(Refused),
}

/// The players of one shard.
#[derive(Debug)]
pub struct PresenceMachine {
    realm: Sym,
    players: FxHashMap<Sym, Whereabouts>,
}

/// Nothing is known of a player without an entry: it equals the default, with any `since`.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Whereabouts {
    server: Sym,
    place: PlayerPlace,
    since: Tick,
}

impl Whereabouts {
    fn same(&self, other: &Whereabouts) -> bool {
        self.server == other.server && self.place == other.place
    }

    fn is_nothing(&self) -> bool {
        self.same(&Whereabouts::default())
    }

    fn now(&self, player: Sym) -> PlayerNow {
        PlayerNow { player, place: self.place, present: !self.server.is_none() }
    }
}

impl PresenceMachine {
    /// Nobody is here, and nobody belongs to anything.
    #[must_use]
    pub fn new(realm: Sym) -> PresenceMachine {
        PresenceMachine { realm, players: FxHashMap::default() }
    }

    fn row(&self, player: Sym, at: &Whereabouts) -> Option<Row> {
        let PlayerPlace { region, instance, party, guild, account } = at.place;
        let ids = [self.realm, player, at.server, region, instance, party, guild, account];
        (!at.is_nothing()).then(|| {
            Row::new(ids.map(Value::id).into_iter().chain([Value::count(at.since)]).collect::<Vec<_>>())
        })
    }
}

/// Takes a player out of a group; whether they were in it.
fn leave(at: &mut Whereabouts, group: Holder) -> bool {
    let place = match group.scope {
        Scope::Party => &mut at.place.party,
        Scope::Guild => &mut at.place.guild,
        Scope::Account => &mut at.place.account,
        Scope::Instance => &mut at.place.instance,
        Scope::Player | Scope::Region | Scope::Realm => return false,
    };
    let was_in = *place == group.id;
    if was_in {
        *place = Sym::NONE;
    }
    was_in
}

/// Applies a player's write, or says why it cannot be done.
fn apply(at: &mut Whereabouts, write: &PresenceIn) -> Result<(), &'static str> {
    match write {
        PresenceIn::Close(_) => {}
        PresenceIn::Presence(write) if write.server.is_none() => {
            at.server = Sym::NONE;
            (at.place.region, at.place.instance) = (Sym::NONE, Sym::NONE);
        }
        PresenceIn::Presence(write) => {
            at.server = write.server;
            (at.place.region, at.place.instance) = (write.region, write.instance);
        }
        PresenceIn::Membership(write) => match write.scope {
            Scope::Party => at.place.party = write.group,
            Scope::Guild => at.place.guild = write.group,
            Scope::Account => at.place.account = write.group,
            other => return Err(other.name()),
        },
    }
    Ok(())
}

fn order(write: &PresenceIn) -> &WriteOrder {
    match write {
        PresenceIn::Presence(write) => &write.order,
        PresenceIn::Membership(write) => &write.order,
        PresenceIn::Close(write) => &write.order,
    }
}

/// Whose write it is; `None` for the end of a group.
fn player(write: &PresenceIn) -> Option<Sym> {
    match write {
        PresenceIn::Presence(write) => Some(write.player),
        PresenceIn::Membership(write) => Some(write.player),
        PresenceIn::Close(_) => None,
    }
}

impl Machine for PresenceMachine {
    type In = PresenceIn;
    type Out = PresenceOut;
    const NAME: BaseName = "presence";

    fn load(&mut self, row: BaseRow) {
        let (player, at): (Sym, Whereabouts) = piece::read(&row);
        self.players.insert(player, at);
    }

    fn loaded(&mut self, _: Tick, _: Vec<PresenceIn>, output: &mut Output<PresenceOut>) {
        for (&player, at) in &self.players {
            output.replace(catalog::PRESENCE, None, self.row(player, at));
            output.out.push(PresenceOut::Now(at.now(player)));
        }
    }

    fn step(&mut self, tick: Tick, mut writes: Vec<PresenceIn>, output: &mut Output<PresenceOut>) {
        writes.sort_by(|a, b| order(a).cmp_order(order(b)));
        let mut before: FxHashMap<Sym, Whereabouts> = FxHashMap::default();
        let mut ended: FxHashSet<Holder> = FxHashSet::default();
        for write in &writes {
            if let PresenceIn::Close(CloseWrite { group, .. }) = write {
                ended.insert(*group);
                for (&player, at) in &mut self.players {
                    let old = *at;
                    if leave(at, *group) {
                        before.entry(player).or_insert(old);
                    }
                }
            }
            let Some(player) = player(write) else { continue };
            let at = self.players.entry(player).or_default();
            before.entry(player).or_insert(*at);
            if let Err(scope) = apply(at, write) {
                let WriteOrder { source, id, .. } = order(write).clone();
                output.out.push(PresenceOut::Refused(Refused {
                    source,
                    id,
                    code: Sym::new("wrong_scope"),
                    reason: format!("a player cannot join a {scope}"),
                    hint: "join a party, guild or account; send presence for regions and instances"
                        .to_owned(),
                    current: None,
                }));
            }
        }
        for (player, old) in before {
            let new = self.players.get_mut(&player).expect("every player before is a player still");
            let new_is_old = new.same(&old);
            if !new_is_old {
                new.since = tick;
                let new = *new;
                output.replace(catalog::PRESENCE, self.row(player, &old), self.row(player, &new));
                let kept = (!new.is_nothing()).then_some(&new);
                output.base.push(piece::change(Self::NAME, player, &player, kept));
                output.out.push(PresenceOut::Now(new.now(player)));
            }
            // A group that was joined again in the tick in which it ended is to be heard of anew.
            if new_is_old && ended.iter().any(|group| leave(&mut { old }, *group)) {
                output.out.push(PresenceOut::Now(old.now(player)));
            }
            if self.players[&player].is_nothing() {
                self.players.remove(&player);
            }
        }
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}
