//! What is personal of players: sealed where it comes in, opened where it goes out, and gone with its key.
//!
//! `edge ─seal→ event, fact, reply ─▶ journal, graph, snapshots ─▶ collector ─open→ view store`
//!
//! The middle computes on nothing sealed and knows no key. A realm without a store of keys (a replay) seals
//! nothing. `docs/privacy.md` says what is promised.

mod cipher;
mod keys_file;
mod opener;
mod store;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;
use worldflow_schemas::input::ForgetWrite;
use worldflow_schemas::{ArcStr, Command, Event, Sym, Tick, Value, sealed};

use self::cipher::{Bound, Key, parts};
pub use self::cipher::{KeyId, NoRandomness};
pub use self::keys_file::KeysSeen;
pub(crate) use self::opener::{Opener, may_be_sealed};
use self::store::{Contents, Kept, Store};
pub use self::store::{KeysConfig, KeysError, MasterKey};
pub(crate) use self::store::{files, survey};
use crate::disk::SharedDisk;

/// The keys of a realm's players, or none. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Privacy(Option<Arc<Shared>>);

struct Shared {
    realm: Sym,
    keys: RwLock<Keys>,
    /// `None` when they are only looked at.
    store: Option<Mutex<Store>>,
    /// The last tick in which somebody was forgotten, that is published; 0 for none since the start.
    forgot: AtomicU64,
}

#[derive(Default)]
struct Keys {
    by_id: FxHashMap<KeyId, (Sym, Key)>,
    current: FxHashMap<Sym, KeyId>,
    /// Those that are not on the disk yet.
    unsaved: Vec<KeyId>,
    /// Those that lie on the disk and cannot be opened.
    lost: FxHashMap<Sym, KeyId>,
    /// Something on the disk could not be read at all.
    unread: bool,
}

/// The name of whatever key lies in what could not be read.
const UNREAD: KeyId = KeyId([0; 16]);

impl Keys {
    fn insert(&mut self, Kept { id, player, key }: Kept) {
        self.by_id.insert(id, (player, key));
        self.current.insert(player, id);
    }

    fn remove(&mut self, id: KeyId) {
        if let Some((player, _)) = self.by_id.remove(&id)
            && self.current.get(&player) == Some(&id)
        {
            self.current.remove(&player);
        }
        self.unsaved.retain(|other| *other != id);
        self.lost.retain(|_, other| *other != id);
        self.unread &= id != UNREAD;
    }
}

impl std::fmt::Debug for Privacy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Privacy").finish_non_exhaustive()
    }
}

impl Privacy {
    /// Nothing is sealed, and nothing opened.
    #[must_use]
    pub fn none() -> Privacy {
        Privacy::default()
    }

    /// Opens the keys of a realm.
    ///
    /// # Errors
    /// When another process has them, they are wrapped otherwise, or the disk fails.
    pub fn open(realm: Sym, config: KeysConfig, disk: SharedDisk) -> Result<Privacy, KeysError> {
        let (store, contents) = Store::open(realm, config, disk)?;
        Ok(Privacy::of(realm, contents, Some(store)))
    }

    /// The keys of a realm that may be running: to open with, not to seal.
    ///
    /// # Errors
    /// When they are wrapped otherwise, or cannot be read.
    pub fn look(realm: Sym, config: &KeysConfig) -> Result<Privacy, KeysError> {
        Ok(Privacy::of(realm, Store::look(realm, config)?, None))
    }

    fn of(realm: Sym, contents: Contents, store: Option<Store>) -> Privacy {
        let Contents { kept, lost, unread } = contents;
        let mut keys = Keys { lost: lost.into_iter().collect(), unread, ..Keys::default() };
        kept.into_iter().for_each(|kept| keys.insert(kept));
        Privacy(Some(Arc::new(Shared {
            realm,
            keys: RwLock::new(keys),
            store: store.map(Mutex::new),
            forgot: AtomicU64::new(0),
        })))
    }

    /// Where a realm keeps its keys, unless it is told otherwise.
    #[must_use]
    pub fn beside(folder: &Path) -> KeysConfig {
        KeysConfig { folder: folder.join("keys"), master: None }
    }

    /// A player's text as it may go into the journal; as it is, where nothing is sealed. The first of a player draws
    /// their key, which becomes durable before what holds the text does.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal(&self, player: Sym, text: &str) -> Result<ArcStr, NoRandomness> {
        let Some(shared) = self.0.as_deref().filter(|shared| shared.store.is_some()) else {
            return Ok(text.into());
        };
        if let Some(sealed) = shared.seal(&shared.read(), player, text) {
            return sealed;
        }
        let kept = Kept { id: KeyId(cipher::drawn()?), player, key: Key::draw()? };
        let mut keys = shared.write();
        if !keys.current.contains_key(&player) {
            keys.unsaved.push(kept.id);
            keys.insert(kept);
        }
        shared.seal(&keys, player, text).expect("the player has a key by now")
    }

    /// A text with what is sealed in it opened, or [`sealed::FORGOTTEN`] in its place; `None` when nothing is.
    /// Within JSON it is escaped.
    #[must_use]
    pub fn open_text(&self, text: &str, within_json: bool) -> Option<String> {
        let shared = self.0.as_deref().filter(|_| sealed::is_in(text))?;
        let keys = shared.read();
        Some(sealed::replaced(text, |body| {
            let opened = shared.open(&keys, body).unwrap_or_else(|| sealed::FORGOTTEN.to_owned());
            if within_json { escaped(&opened) } else { opened }
        }))
    }

    /// An event as those see it who may see it now; `None` when it is as it is.
    #[must_use]
    pub fn open_event(&self, event: &Event) -> Option<Event> {
        let with = event.with.as_ref().filter(|_| self.0.is_some())?;
        let opened = |value: &Value| match value {
            Value::Text(text) => self.open_text(text, false).map(|text| Value::Text(text.into())),
            _ => None,
        };
        if !with.iter().any(|(_, value)| matches!(value, Value::Text(text) if sealed::is_in(text))) {
            return None;
        }
        let with = with.iter().map(|(name, value)| (*name, opened(value).unwrap_or_else(|| value.clone())));
        Some(Event { with: Some(with.collect()), ..event.clone() })
    }

    /// The name of the key that a player has now, or that they may have in what cannot be read.
    #[must_use]
    pub fn key_of(&self, player: Sym) -> Option<KeyId> {
        let keys = self.0.as_ref()?.read();
        let known = keys.current.get(&player).or_else(|| keys.lost.get(&player));
        known.copied().or_else(|| keys.unread.then_some(UNREAD))
    }

    /// Makes the keys durable that have been drawn. Whatever was sealed before the call is sealed under a durable
    /// key after it.
    ///
    /// # Errors
    /// When the disk fails; it may be tried again.
    pub(crate) fn save(&self) -> Result<(), KeysError> {
        let Some((shared, store)) = self.stored() else { return Ok(()) };
        let new: Vec<Kept> = {
            let keys = shared.read();
            if keys.unsaved.is_empty() {
                return Ok(());
            }
            let kept = |id: &KeyId| {
                let (player, key) = keys.by_id.get(id)?;
                Some(Kept { id: *id, player: *player, key: key.clone() })
            };
            keys.unsaved.iter().filter_map(kept).collect()
        };
        store.lock().unwrap_or_else(PoisonError::into_inner).append(&new)?;
        shared.write().unsaved.retain(|id| !new.iter().any(|saved| saved.id == *id));
        Ok(())
    }

    /// Destroys keys on the disk. They go on being known until [`Privacy::drop_keys`].
    ///
    /// # Errors
    /// When the disk fails; it may be tried again.
    pub(crate) fn erase(&self, ids: &[KeyId]) -> Result<(), KeysError> {
        let Some((_, store)) = self.stored() else { return Ok(()) };
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().try_for_each(|id| store.erase(*id))
    }

    /// Forgets keys that are destroyed.
    pub(crate) fn drop_keys(&self, ids: &[KeyId]) {
        if let Some(shared) = &self.0 {
            let mut keys = shared.write();
            ids.iter().for_each(|id| keys.remove(*id));
        }
    }

    /// Says that what the views hold is without those who are forgotten, as of a tick.
    pub(crate) fn set_forgot(&self, tick: Tick) {
        if let Some(shared) = &self.0 {
            shared.forgot.fetch_max(tick, Ordering::Release);
        }
    }

    /// The last tick since the start, or of what was taken back then, in which somebody was forgotten. Whoever keeps
    /// copies of rows sees to it that theirs of before that tick are gone.
    #[must_use]
    pub fn last_forgotten(&self) -> Option<Tick> {
        let tick = self.0.as_ref()?.forgot.load(Ordering::Acquire);
        (tick > 0).then_some(tick)
    }

    fn is_none(&self) -> bool {
        self.0.is_none()
    }

    fn stored(&self) -> Option<(&Shared, &Mutex<Store>)> {
        let shared = self.0.as_deref()?;
        Some((shared, shared.store.as_ref()?))
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when the player has no key.
    fn seal(&self, keys: &Keys, player: Sym, text: &str) -> Option<Result<ArcStr, NoRandomness>> {
        let id = *keys.current.get(&player)?;
        let (_, key) = keys.by_id.get(&id)?;
        Some(key.seal(&Bound { realm: self.realm, player, id }, text).map(ArcStr::from))
    }

    fn open(&self, keys: &Keys, body: &str) -> Option<String> {
        let (id, sealed) = parts(body)?;
        let (player, key) = keys.by_id.get(&id)?;
        key.open(&Bound { realm: self.realm, player: *player, id }, &sealed)
    }
}

/// As it stands within a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The keys that are destroyed with these inputs.
pub(crate) fn forgotten<'c>(commands: impl IntoIterator<Item = &'c Command>) -> Vec<KeyId> {
    let key = |command: &Command| match command {
        Command::Forget(ForgetWrite { key, .. }) => KeyId::parse(key),
        _ => None,
    };
    commands.into_iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests;
