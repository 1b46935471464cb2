//! The rules of the world for what comes in: events here, everything else in [`commands`].
//!
//! Every source uses the same rules, so an event that one refuses all refuse. Nothing is interned, and
//! nothing is counted against a rate, before the rest of the event has passed.

mod commands;
mod fields;
mod proposed;
mod rate;
mod recent;

use std::fmt::Write as _;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_engine::admission::Refusal;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::definitions::{AttributeKind, FactDef, KindDef, Sender as MaySend, WorldDef};
use worldflow_schemas::{Event, EventId, Sym, Value, catalog};

pub(crate) use commands::{
    ENTITY_KINDS, MOST_GRANT_BYTES, MOST_PARTS, properties, required, scope, tags, under,
};
pub(crate) use fields::{amount, at_ms, attribute, holder_text, id_text, intern, long_text, optional_id};
pub(crate) use proposed::MOST_ATTRIBUTES;
pub use proposed::{FIELDS, Field, Odd, Proposed};
pub use rate::RateLimits;
use recent::Recent;

use crate::tokens::{Claims, Role};

/// The longest id: of an event, a player, a target, a group, an attribute that is an id.
pub const MOST_ID_BYTES: usize = 64;

/// The longest text a player may have written.
pub const MOST_TEXT_BYTES: usize = 500;

/// How far back a live event may say that it happened: a server that was cut off for a day.
pub const MOST_PAST_MS: i64 = 86_400_000;

/// How far ahead: clocks differ.
pub const MOST_AHEAD_MS: i64 = 60_000;

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
    rates: RateLimits,
    recent: Recent,
}

#[derive(Debug)]
struct Kind {
    def: KindDef,
    attributes: FxHashMap<Sym, AttributeKind>,
    needs_target: bool,
}

/// Kinds that every world has: what players say about quests. The target is the quest.
pub const QUEST_KINDS: [&str; 3] = ["quest.accept", "quest.turn_in", "quest.abandon"];

impl Checker {
    /// Compiles the rules. `views` tells which entities game servers have added.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef, views: Arc<ViewStore>) -> Checker {
        let mut kinds = FxHashMap::default();
        for (name, def) in &world.kinds {
            let attributes = def.attributes.iter().map(|(name, kind)| (Sym::new(name), *kind)).collect();
            kinds.insert(Sym::new(name), Kind { def: def.clone(), attributes, needs_target: false });
        }
        for name in QUEST_KINDS {
            kinds.entry(Sym::new(name)).or_insert_with(|| Kind {
                def: KindDef {
                    from: MaySend::Player,
                    max_amount: 1,
                    known_targets: false,
                    ..KindDef::default()
                },
                attributes: FxHashMap::default(),
                needs_target: true,
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
            rates: RateLimits::default(),
            recent: Recent::default(),
        }
    }

    /// Whether `pattern` (see [`matches`]) means at least one kind of this world.
    ///
    /// # Errors
    /// When it means none.
    pub fn kind_pattern(&self, pattern: &str) -> Result<(), Refusal> {
        if self.kinds.keys().any(|kind| matches(pattern, kind.as_str())) {
            return Ok(());
        }
        let hint = self.suggest(
            pattern,
            self.kinds.keys(),
            "kinds are declared in world.yaml; `*` stands for any characters",
        );
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
    ) -> Result<Event, Refusal> {
        if let Some(odd) = &event.odd {
            return Err(refuse_odd(odd));
        }
        let (kind_name, kind) = self.kind(&event.kind)?;
        let id = optional_id("id", &event.id)?;
        let at_ms = at_ms(&event.at, now_ms)?;
        let player = speaks_for(sender, kind_name, kind, optional_id("player", &event.player)?)?;
        let target = self.target(kind_name, kind, &event.target)?;
        let amount = amount(kind_name, kind.def.max_amount, &event.amount)?;
        let region = match optional_id("region", &event.region)? {
            Some(region) => self.region("region", region)?,
            None => Sym::NONE,
        };
        let with = self.attributes(kind_name, kind, &event.with)?;

        let player = intern(player.unwrap_or_default())?;
        let target = intern(target.unwrap_or_default())?;
        if let Some(now_ms) = now_ms {
            let who = if player.is_none() { sender.source } else { player };
            let most = kind.def.max_per_second;
            if !self.rates.admit(kind_name, who, most, now_ms) {
                return Err(refuse(
                    "rate_limited",
                    "",
                    format!("more than {most} events of kind `{kind_name}` by `{who}` in one second"),
                    "send it again in the next second, or raise max_per_second of the kind",
                ));
            }
        }
        let id = id.map_or(EventId::Position(position), |id| EventId::Named(id.into()));
        Ok(Event { at_ms, source: sender.source, id, player, kind: kind_name, target, region, amount, with })
    }

    fn kind(&self, field: &Field<'_>) -> Result<(Sym, &Kind), Refusal> {
        let Some(name) = optional_id("kind", field)? else {
            return Err(refuse(
                "missing_kind",
                "kind",
                "an event needs a kind",
                "kinds are declared in world.yaml",
            ));
        };
        Sym::find(name).and_then(|sym| self.kinds.get(&sym).map(|kind| (sym, kind))).ok_or_else(|| {
            let hint = self.suggest(name, self.kinds.keys(), "kinds are declared in world.yaml");
            refuse("unknown_kind", "kind", format!("unknown kind {}", quote(name)), hint)
        })
    }

    fn target<'f>(
        &self,
        kind_name: Sym,
        kind: &Kind,
        field: &'f Field<'_>,
    ) -> Result<Option<&'f str>, Refusal> {
        let target = optional_id("target", field)?;
        match target {
            None if kind.needs_target => Err(refuse(
                "missing_target",
                "target",
                format!("an event of kind `{kind_name}` needs a target"),
                "the target is the quest's id",
            )),
            Some(target) if kind.def.known_targets && !self.knows_entity(target) => {
                let hint = self.suggest(
                    target,
                    self.entities.iter(),
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

    fn region(&self, path: &str, name: &str) -> Result<Sym, Refusal> {
        Sym::find(name).filter(|sym| self.regions.contains(sym)).ok_or_else(|| {
            let hint = self.suggest(name, self.regions.iter(), "regions are declared in world.yaml");
            refuse("unknown_region", path, format!("unknown region {}", quote(name)), hint)
        })
    }

    fn attributes(
        &self,
        kind_name: Sym,
        kind: &Kind,
        with: &[(std::borrow::Cow<'_, str>, Field<'_>)],
    ) -> Result<Option<Arc<[(Sym, Value)]>>, Refusal> {
        let mut attributes: Vec<(Sym, Value)> = Vec::with_capacity(with.len());
        for (name, field) in with {
            let path = || format!("with.{}", shorten(name));
            let declared = Sym::find(name).and_then(|sym| kind.attributes.get(&sym).map(|kind| (sym, *kind)));
            let Some((sym, holds)) = declared else {
                let about = format!("attributes of `{kind_name}` are declared in world.yaml");
                let hint = self.suggest(name, kind.attributes.keys(), &about);
                let reason = format!("unknown attribute {}", quote(name));
                return Err(refuse("unknown_attribute", path(), reason, hint));
            };
            if attributes.iter().any(|(other, _)| *other == sym) {
                return Err(refuse("duplicate_field", path(), "is given twice", "give each attribute once"));
            }
            if let Some(value) = attribute(&path(), holds, field)? {
                attributes.push((sym, value));
            }
        }
        attributes.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
        Ok((!attributes.is_empty()).then(|| attributes.into()))
    }

    fn suggest<'n>(&self, wrong: &str, names: impl Iterator<Item = &'n Sym>, about: &str) -> String {
        suggest(wrong, names.map(|name| name.as_str()), about)
    }
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
    Refusal { code, path: path.into(), reason: reason.into(), hint: hint.into() }
}

/// The hint for a name that is not known: the nearest that is, and where they come from.
pub(crate) fn suggest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>, about: &str) -> String {
    /// A world may have a hundred thousand entities; a hint is not worth comparing all of them.
    const MOST_COMPARED: usize = 5_000;
    let wrong = shorten(wrong);
    let near = names
        .take(MOST_COMPARED)
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min();
    let mut hint = String::new();
    if let Some((_, name)) = near {
        let _ = write!(hint, "did you mean `{name}`? ");
    }
    hint.push_str(about);
    hint
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

pub(crate) fn refuse_odd(odd: &Odd<'_>) -> Refusal {
    let shape = "an event is {id?, at?, player?, kind, target?, amount?, region?, with?}";
    match odd {
        Odd::NotAnObject => refuse("wrong_type", "", "an event is an object", shape),
        Odd::UnknownField(name) => refuse(
            "unknown_field",
            shorten(name),
            format!("events have no field {}", quote(name)),
            suggest(name, FIELDS.into_iter(), "attributes go into `with`"),
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
        Role::Dashboard => Err(refuse(
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
