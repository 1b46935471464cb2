//! The rules of the world for what comes in: events here, everything else in [`commands`].
//!
//! Every source uses the same rules, so an event that one refuses all refuse. Nothing is interned, and
//! nothing is counted against a rate, before the rest of the event has passed.

mod commands;
mod fields;
mod hints;
mod new_ids;
mod personal;
mod proposed;
mod recent;
mod words;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::{Item, Refusal};
use worldflow_engine::defined::Defined;
use worldflow_engine::intake::too_fast;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rate::RateLimits;
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::definitions::{AttributeKind, FactDef, KindDef, Sender as MaySend, WorldDef};
use worldflow_schemas::{Command, Event, EventId, Input, Sym, Value, catalog};

pub(crate) use commands::{
    ENTITY_KINDS, MOST_GRANT_BYTES, MOST_PARTS, can_close, close, properties, required, scope, tags, under,
};
pub(crate) use fields::{
    amount, at_ms, attribute, holder_text, id_text, intern, long_text, optional_id, written,
};
pub use hints::Hints;
pub(crate) use hints::suggest;
pub use new_ids::MOST_NEW_IDS;
use new_ids::NewIds;
pub use personal::Personal;
pub(crate) use personal::of_nobody;
pub(crate) use proposed::MOST_ATTRIBUTES;
pub use proposed::{FIELDS, Field, Odd, Proposed};
use recent::Recent;
pub(crate) use words::{NOT_JUDGED, Unsealed};

use crate::moderator::Moderator;
use crate::tokens::{Claims, Role};

/// The longest id: of an event, a player, a target, a group, an attribute that is an id.
pub const MOST_ID_BYTES: usize = 64;

/// The longest text a player may have written.
pub const MOST_TEXT_BYTES: usize = 500;

/// How far back a live event may say that it happened: a server that was cut off for a day.
pub const MOST_PAST_MS: i64 = 86_400_000;

/// How far ahead: clocks differ.
pub const MOST_AHEAD_MS: i64 = 60_000;

/// So many times its rate may somebody send of a kind in a second, what is sent again among it. What is
/// new is counted exactly where it is known to be new; beyond this nothing gets so far.
const RESENDS: u32 = 10;

/// Who proposes something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender {
    /// In which role.
    pub role: Role,
    /// The game server's name or the player's id.
    pub subject: Sym,
    /// The name under which its ids are remembered.
    pub source: Sym,
}

impl Sender {
    /// The bearer of a token.
    #[must_use]
    pub fn bearer(claims: &Claims) -> Sender {
        Sender { role: claims.role, subject: claims.subject, source: claims.source() }
    }

    /// A source of the world's own, such as a recording: it may say what a game server may.
    #[must_use]
    pub fn trusted(source: Sym) -> Sender {
        Sender { role: Role::GameServer, subject: source, source }
    }
}

/// The rules of one realm, compiled from its world.
#[derive(Debug)]
pub struct Checker {
    realm: Sym,
    kinds: FxHashMap<Sym, Kind>,
    entities: FxHashSet<Sym>,
    regions: FxHashSet<Sym>,
    zones: FxHashSet<Sym>,
    facts: FxHashMap<Sym, FactDef>,
    views: Arc<ViewStore>,
    personal: Personal,
    rates: Mutex<RateLimits>,
    recent: Recent,
    new_ids: NewIds,
    /// Who is asked what players may say, where the world has somebody asked.
    moderator: OnceLock<Moderator>,
    /// The quests there are; without it every id that is known may be one.
    defined: Option<Defined>,
}

#[derive(Debug)]
struct Kind {
    def: KindDef,
    attributes: FxHashMap<Sym, AttributeKind>,
    /// Its target is a quest, and must be there.
    about_quests: bool,
}

/// Kinds that every world has: what is asked of quests. The target is the quest.
pub const QUEST_KINDS: [&str; 7] = [
    "quest.accept",
    "quest.turn_in",
    "quest.abandon",
    "quest.decline",
    "quest.share",
    "quest.offer",
    "quest.revoke",
];

/// Those of them that only game servers may send.
const OF_SERVERS: [&str; 2] = ["quest.offer", "quest.revoke"];

/// The attributes of one of them: which reward is chosen, and to whom it is turned in.
pub(crate) fn quest_attributes(kind: &str) -> FxHashMap<Sym, AttributeKind> {
    let of_kind: &[&str] = if kind == "quest.turn_in" { &["choose", "npc"] } else { &[] };
    of_kind.iter().map(|name| (Sym::new(name), AttributeKind::Id)).collect()
}

/// Nobody writes a fact that counts members.
pub(crate) fn kept(fact: Sym) -> Refusal {
    let reason = format!("`{fact}` counts members, which worldflow does itself");
    refuse("kept_fact", "fact", reason, "it follows from memberships and presence alone")
}

impl Checker {
    /// The rules of a realm that runs.
    #[must_use]
    pub fn of(realm: &Realm) -> Checker {
        let (name, views) = (realm.name, Arc::clone(&realm.views));
        let personal = Personal::new(name, &realm.world, realm.privacy.clone(), Arc::clone(&views));
        Checker { personal, ..Checker::new(name, &realm.world, views) }
    }

    /// Compiles the rules; nothing is sealed. `views` tells which entities game servers have added.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef, views: Arc<ViewStore>) -> Checker {
        let personal = Personal::new(realm, world, Privacy::none(), Arc::clone(&views));
        let mut kinds = FxHashMap::default();
        for (name, def) in &world.kinds {
            let attributes = def.attributes.iter().map(|(name, kind)| (Sym::new(name), *kind)).collect();
            kinds.insert(Sym::new(name), Kind { def: def.clone(), attributes, about_quests: false });
        }
        for name in QUEST_KINDS {
            kinds.entry(Sym::new(name)).or_insert_with(|| Kind {
                def: KindDef {
                    from: if OF_SERVERS.contains(&name) { MaySend::GameServer } else { MaySend::Player },
                    max_amount: 1,
                    known_targets: false,
                    ..KindDef::default()
                },
                attributes: quest_attributes(name),
                about_quests: true,
            });
        }
        let names = |names: &mut dyn Iterator<Item = &String>| names.map(|name| Sym::new(name)).collect();
        Checker {
            realm,
            kinds,
            entities: names(&mut world.entities.keys()),
            regions: names(&mut world.regions.keys()),
            zones: names(&mut world.zones.keys()),
            facts: world.facts.iter().map(|(name, def)| (Sym::new(name), def.clone())).collect(),
            views,
            personal,
            rates: Mutex::default(),
            recent: Recent::default(),
            new_ids: NewIds::default(),
            moderator: OnceLock::new(),
            defined: None,
        }
    }

    /// The same, and it refuses what is about a quest that is not there.
    #[must_use]
    pub fn knowing(self, defined: Defined) -> Checker {
        Checker { defined: Some(defined), ..self }
    }

    fn knows_quest(&self, name: &str) -> bool {
        let is_there = |id| self.defined.as_ref().is_none_or(|defined| defined.has_quest(id));
        Sym::find(name).is_some_and(is_there)
    }

    /// Whether `pattern` (see [`matches`]) means at least one kind of this world.
    ///
    /// # Errors
    /// When it means none.
    pub fn kind_pattern(&self, pattern: &str) -> Result<(), Refusal> {
        if self.kinds.keys().any(|kind| matches(pattern, kind.as_str())) {
            return Ok(());
        }
        let kinds = self.kinds.keys().map(|kind| kind.as_str());
        let hint = suggest(pattern, kinds, "kinds are declared in world.yaml; `*` stands for any characters");
        Err(refuse("unknown_kind", "kinds", format!("no kind is called {}", quote(pattern)), hint))
    }

    /// Turns a proposed event into one of this world. `position` is its identity when it names none.
    /// With `now_ms` (a live source) an absent `at` is now, and times and rates are limited; without
    /// (a recording) `at` must be there and may be any.
    ///
    /// # Errors
    /// The first rule it breaks; the refusal's path is relative to the event.
    pub fn event(
        &self,
        event: &Proposed<'_>,
        sender: &Sender,
        position: u64,
        now_ms: Option<i64>,
        hints: &Hints,
    ) -> Result<Item, Refusal> {
        let mut item = self.passed(event, sender, position, now_ms, hints)?;
        if let Input::Event(event) = &mut item.input {
            self.personal.seal_event(event)?;
        }
        Ok(item)
    }

    /// What has passed every rule but those for words.
    fn passed(
        &self,
        event: &Proposed<'_>,
        sender: &Sender,
        position: u64,
        now_ms: Option<i64>,
        hints: &Hints,
    ) -> Result<Item, Refusal> {
        if let Some(odd) = &event.odd {
            return Err(refuse_odd(odd, hints));
        }
        let (kind_name, kind) = self.kind(&event.kind, hints)?;
        let id = optional_id("id", &event.id)?;
        let at_ms = at_ms(&event.at, now_ms)?;
        let player = speaks_for(sender, kind_name, kind, optional_id("player", &event.player)?)?;
        let target = self.target(kind_name, kind, &event.target, hints)?;
        let amount = amount(kind_name, kind.def.max_amount, &event.amount)?;
        let region = match optional_id("region", &event.region)? {
            Some(region) => self.region("region", region, hints)?,
            None => Sym::NONE,
        };
        let with = self.attributes(kind_name, kind, &event.with, sender, hints)?;

        let player = intern(player.unwrap_or_default())?;
        let target = self.new_ids.intern("target", target.unwrap_or_default(), sender)?;
        if let Some(now_ms) = now_ms {
            let who = if player.is_none() { sender.source } else { player };
            let most = kind.def.max_per_second.saturating_mul(RESENDS);
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            if !rates.admit(kind_name, who, most, now_ms) {
                return Err(too_fast(kind_name, who, most, now_ms));
            }
        }
        let id = id.map_or(EventId::Position(position), |id| EventId::Named(id.into()));
        let source = sender.source;
        let event = Event { at_ms, source, id, player, kind: kind_name, target, region, amount, with };
        Ok(Item {
            id: event.id.clone(),
            input: Input::Event(event),
            most_per_s: now_ms.map(|_| kind.def.max_per_second),
        })
    }

    /// Seals what is personal in a write that another rule book has passed.
    ///
    /// # Errors
    /// When it belongs to no player, or is no text.
    pub(crate) fn seal_command(&self, command: &mut Command) -> Result<(), Refusal> {
        self.personal.seal_command(command)
    }

    fn kind(&self, field: &Field<'_>, hints: &Hints) -> Result<(Sym, &Kind), Refusal> {
        let Some(name) = optional_id("kind", field)? else {
            return Err(refuse(
                "missing_kind",
                "kind",
                "an event needs a kind",
                "kinds are declared in world.yaml",
            ));
        };
        Sym::find(name).and_then(|sym| self.kinds.get(&sym).map(|kind| (sym, kind))).ok_or_else(|| {
            let hint = hints.suggest(name, texts(self.kinds.keys()), "kinds are declared in world.yaml");
            refuse("unknown_kind", "kind", format!("unknown kind {}", quote(name)), hint)
        })
    }

    fn target<'f>(
        &self,
        kind_name: Sym,
        kind: &Kind,
        field: &'f Field<'_>,
        hints: &Hints,
    ) -> Result<Option<&'f str>, Refusal> {
        let target = optional_id("target", field)?;
        match target {
            None if kind.about_quests => Err(refuse(
                "missing_target",
                "target",
                format!("an event of kind `{kind_name}` needs a target"),
                "the target is the quest's id",
            )),
            // Quests come and go while the world runs: the graph decides too, as of the tick.
            Some(target) if kind.about_quests && !self.knows_quest(target) => {
                let quests = self.defined.iter().flat_map(Defined::quests).map(|id| id.as_str());
                let about = "the view `quest_state` lists a player's; the world's quests lie in quests/";
                let hint = hints.suggest(target, quests, about);
                Err(refuse("unknown_quest", "target", format!("unknown quest {}", quote(target)), hint))
            }
            Some(target) if kind.def.known_targets && !self.knows_entity(target) => {
                let hint = hints.suggest(
                    target,
                    texts(&self.entities),
                    "targets are entities: declared in world.yaml, or written by a game server",
                );
                Err(refuse("unknown_target", "target", format!("unknown target {}", quote(target)), hint))
            }
            target => Ok(target),
        }
    }

    fn knows_entity(&self, name: &str) -> bool {
        let Some(sym) = Sym::find(name) else { return false };
        self.entities.contains(&sym)
            || self.views.read(catalog::ENTITIES).get(&[Value::id(self.realm), Value::id(sym)]).is_some()
            || self.recent.contains(sym)
    }

    fn region(&self, path: &str, name: &str, hints: &Hints) -> Result<Sym, Refusal> {
        Sym::find(name).filter(|sym| self.regions.contains(sym)).ok_or_else(|| {
            let hint = hints.suggest(name, texts(&self.regions), "regions are declared in world.yaml");
            refuse("unknown_region", path, format!("unknown region {}", quote(name)), hint)
        })
    }

    fn attributes(
        &self,
        kind_name: Sym,
        kind: &Kind,
        with: &[(std::borrow::Cow<'_, str>, Field<'_>)],
        sender: &Sender,
        hints: &Hints,
    ) -> Result<Option<Arc<[(Sym, Value)]>>, Refusal> {
        let mut attributes: Vec<(Sym, Value)> = Vec::with_capacity(with.len());
        for (name, field) in with {
            let path = || format!("with.{}", shorten(name));
            let declared = Sym::find(name).and_then(|sym| kind.attributes.get(&sym).map(|kind| (sym, *kind)));
            let Some((sym, holds)) = declared else {
                let about = format!("attributes of `{kind_name}` are declared in world.yaml");
                let hint = hints.suggest(name, texts(kind.attributes.keys()), &about);
                let reason = format!("unknown attribute {}", quote(name));
                return Err(refuse("unknown_attribute", path(), reason, hint));
            };
            if attributes.iter().any(|(other, _)| *other == sym) {
                return Err(refuse("duplicate_field", path(), "is given twice", "give each attribute once"));
            }
            let intern = |path: &str, text: &str| self.new_ids.intern(path, text, sender);
            if let Some(value) = attribute(&path(), holds, field, intern)? {
                attributes.push((sym, value));
            }
        }
        attributes.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
        Ok((!attributes.is_empty()).then(|| attributes.into()))
    }
}

/// Ids as they read.
fn texts<'n>(names: impl IntoIterator<Item = &'n Sym>) -> impl Iterator<Item = &'n str> {
    names.into_iter().map(|name| name.as_str())
}

/// Whether `pattern`, in which `*` stands for any run of characters, means `kind`.
#[must_use]
pub fn matches(pattern: &str, kind: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = kind.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(found) => rest = &rest[found + str::len(middle)..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// Makes a refusal.
pub(crate) fn refuse(
    code: &'static str,
    path: impl Into<String>,
    reason: impl Into<String>,
    hint: impl Into<String>,
) -> Refusal {
    Refusal { code, path: path.into(), reason: reason.into(), hint: hint.into(), retry_after_ms: None }
}

/// At most a line of what somebody sent, for messages.
pub(crate) fn shorten(text: &str) -> &str {
    text.char_indices().nth(MOST_ID_BYTES).map_or(text, |(end, _)| &text[..end])
}

/// At most a few lines of a library's message.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(300).collect()
}

/// What somebody sent, within a message: short, and without what would break the line.
pub(crate) fn quote(text: &str) -> String {
    let short = shorten(text);
    let more = if short.len() < text.len() { " ..." } else { "" };
    format!("`{}`{more}", short.escape_debug())
}

pub(crate) fn refuse_odd(odd: &Odd<'_>, hints: &Hints) -> Refusal {
    let shape = "an event is {id?, at?, player?, kind, target?, amount?, region?, with?}";
    match odd {
        Odd::NotAnObject => refuse("wrong_type", "", "an event is an object", shape),
        Odd::UnknownField(name) => refuse(
            "unknown_field",
            shorten(name),
            format!("events have no field {}", quote(name)),
            hints.suggest(name, FIELDS, "attributes go into `with`"),
        ),
        Odd::Twice(name) => refuse("duplicate_field", *name, "is given twice", "give each field once"),
        Odd::WithNotAnObject => refuse(
            "wrong_type",
            "with",
            "attributes are an object",
            "write {\"with\": {\"weapon\": \"bow\"}}",
        ),
        Odd::TooManyAttributes => refuse(
            "too_many_attributes",
            "with",
            format!("more than {} attributes", proposed::MOST_ATTRIBUTES),
            "send what quests and facts use",
        ),
    }
}

/// Decides for which player an event of this kind is, and whether this sender may say so.
fn speaks_for<'f>(
    sender: &Sender,
    kind_name: Sym,
    kind: &Kind,
    player: Option<&'f str>,
) -> Result<Option<&'f str>, Refusal> {
    match sender.role {
        Role::Dashboard | Role::Designer => Err(refuse(
            "not_allowed",
            "",
            "a dashboard's token sends nothing",
            "use a game server's token, or a player's",
        )),
        Role::GameServer => player.map(|player| holder_text("player", player)).transpose(),
        Role::Player if kind.def.from != MaySend::Player => Err(refuse(
            "not_allowed",
            "kind",
            format!("a player's token may not send `{kind_name}`"),
            "a game server sends it, unless world.yaml says `from: player` for the kind",
        )),
        Role::Player => match player {
            Some(player) if player != sender.subject.as_str() => Err(refuse(
                "not_allowed",
                "player",
                format!("this token speaks for `{}`, not for {}", sender.subject, quote(player)),
                "leave `player` out",
            )),
            _ => Ok(Some(sender.subject.as_str())),
        },
    }
}

#[cfg(test)]
mod tests;
