//! Edits of one running realm, one after the other: checked, compared with its revision, and handed over as one
//! input, so that one tick carries all of it or none.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use worldflow_engine::admission::{Closed, Item, Outcome};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_engine::worlds::ruling;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{DefinitionEdit, Revise};
use worldflow_schemas::{Command, EventId, Input, Sym, Tick, Value, catalog};

use super::Difference;
use crate::text::Texts;
use crate::world::LoadedWorld;

/// The producer of revisions of a running realm.
const SOURCE: &str = "edits";

/// The longest name of an author or a source revision.
const MOST_BYTES: usize = 200;

/// An edit that has been done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The realm's revision.
    pub revision: u64,
    /// The tick from which on it is so; `None` when nothing differed that the graph knows.
    pub tick: Option<Tick>,
    /// How many definitions differed.
    pub edits: usize,
}

/// An edit that has not been done. Nothing of it has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApplyError {
    /// The realm is at another revision.
    #[error("it was planned for revision {wanted}, and the realm is at {now}")]
    Moved {
        /// What it was planned for.
        wanted: u64,
        /// What there is.
        now: u64,
    },
    /// It changes what is fixed while a realm runs.
    #[error("fixed while the realm runs: {}", .0.join(", "))]
    Fixed(Vec<String>),
    /// The name of the author or of the source revision is too long.
    #[error("a name of more than {MOST_BYTES} bytes")]
    TooLong,
    /// The realm's input refused it.
    #[error("{0}")]
    Refused(String),
    /// The realm has stopped; after a crash it may have been done.
    #[error("the realm has stopped")]
    Stopped,
}

impl ApplyError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ApplyError::Moved { .. } => "revision_moved",
            ApplyError::Fixed(_) => "fixed_while_running",
            ApplyError::TooLong => "bad_name",
            ApplyError::Refused(_) => "refused",
            ApplyError::Stopped => "shutting_down",
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            ApplyError::Moved { .. } => "plan again, and look at what has changed meanwhile",
            ApplyError::Fixed(_) => {
                "restart the server with the new folder; `worldflow plan` says what is fixed"
            }
            ApplyError::TooLong => "shorten it; for example the id of a commit",
            ApplyError::Refused(_) => "plan again",
            ApplyError::Stopped => "look at the revision once it is there again",
        }
    }
}

/// The definitions of a running realm. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Editing {
    realm: Realm,
    /// Where the folder lay that it was started with.
    folder: Option<PathBuf>,
    /// What the realm is defined by. Whoever edits holds it meanwhile.
    world: Arc<Mutex<LoadedWorld>>,
}

impl Editing {
    /// A realm that has been given this world at its start.
    #[must_use]
    pub fn of(realm: Realm, world: LoadedWorld) -> Editing {
        Editing { realm, folder: world.path.clone(), world: Arc::new(Mutex::new(world)) }
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The folder that the realm was started with, if it lies on a disk.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    /// The realm's revision, and the world that it is defined by.
    pub async fn now(&self) -> (u64, LoadedWorld) {
        let world = self.world.lock().await;
        (revision(&self.realm), world.clone())
    }

    /// The texts that players see now; `None` when the world declares no languages.
    pub async fn texts(&self) -> Option<Arc<Texts>> {
        self.world.lock().await.texts.clone()
    }

    /// Edits, if `wanted` is the realm's revision. It goes on when the caller does not wait for it.
    ///
    /// # Errors
    /// When it cannot be done; then nothing of it is.
    pub async fn apply(
        &self,
        new: LoadedWorld,
        author: &str,
        wanted: Option<u64>,
    ) -> Result<Applied, ApplyError> {
        let (editing, author) = (self.clone(), author.to_owned());
        let applying = tokio::spawn(async move { editing.apply_now(new, &author, wanted).await });
        applying.await.unwrap_or(Err(ApplyError::Stopped))
    }

    async fn apply_now(
        &self,
        new: LoadedWorld,
        author: &str,
        wanted: Option<u64>,
    ) -> Result<Applied, ApplyError> {
        if author.len() > MOST_BYTES || new.source_revision.len() > MOST_BYTES {
            return Err(ApplyError::TooLong);
        }
        let mut world = self.world.lock().await;
        let now = revision(&self.realm);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != now) {
            return Err(ApplyError::Moved { wanted, now });
        }
        let new = new.served_as(&world);
        let difference = Difference::of(&world, &new);
        if !difference.fixed.is_empty() {
            return Err(ApplyError::Fixed(difference.fixed));
        }
        let (edits, count) = (difference.edits(&new), difference.definitions.len());
        if edits.is_empty() {
            // Texts alone are none of the graph's business: they are there at once, and no revision.
            *world = new;
            return Ok(Applied { revision: now, tick: None, edits: count });
        }
        let tick = self.publish(edits, author, &new.source_revision, now).await?;
        *world = new;
        Ok(Applied { revision: now + 1, tick: Some(tick), edits: count })
    }

    async fn publish(
        &self,
        edits: Vec<DefinitionEdit>,
        author: &str,
        source_revision: &str,
        now: u64,
    ) -> Result<Tick, ApplyError> {
        let source = Sym::new(SOURCE);
        let revise = Revise {
            source,
            id: EventId::Position(EventId::UNNUMBERED),
            author: author.into(),
            source_revision: source_revision.into(),
            if_revision: Some(now),
            fixed: None,
            edits,
        };
        let input = Input::Command(Command::Revise(revise));
        let items = vec![Item { id: EventId::Position(EventId::UNNUMBERED), input, most_per_s: None }];
        let outcomes =
            self.realm.admission.publish(source, items).await.map_err(|Closed| ApplyError::Stopped)?;
        match outcomes.into_iter().next() {
            Some(Outcome::Accepted { tick } | Outcome::Duplicate { tick }) => Ok(tick),
            Some(Outcome::Refused(refusal)) => Err(ApplyError::Refused(refusal.reason)),
            Some(Outcome::Denied(denied)) => Err(ApplyError::Refused(denied.0.reason)),
            None => Err(ApplyError::Stopped),
        }
    }
}

/// The last revision of a realm; 0 before there is one.
fn revision(realm: &Realm) -> u64 {
    let column = catalog::REVISIONS.def().column("revision").expect("the catalog has it");
    let (view, all) = (realm.views.read(catalog::REVISIONS), Filter::all());
    let numbers = view.rows(&all).filter_map(|row| match row[column] {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    });
    numbers.max().unwrap_or(0)
}

/// The input with which a realm begins: all definitions, and that there are no others.
#[must_use]
pub fn start_revision(world: &LoadedWorld, now_ms: i64) -> Item {
    let id = EventId::Named(format!("{now_ms}-start").into());
    let mut source_revision = world.source_revision.as_str();
    while source_revision.len() > MOST_BYTES {
        source_revision = &source_revision[..source_revision.floor_char_boundary(MOST_BYTES)];
    }
    let revise = Revise {
        source: Sym::new("world"),
        // Each start writes its definitions anew, so their id carries the start's time.
        id: id.clone(),
        author: "start".into(),
        source_revision: source_revision.into(),
        if_revision: None,
        fixed: Some(fingerprint(&world.world)),
        edits: world.edits(),
    };
    Item { id, input: Input::Command(Command::Revise(revise)), most_per_s: None }
}

/// Another one when what the graph is built from is another.
fn fingerprint(world: &WorldDef) -> u64 {
    let text = serde_json::to_vec(&ruling(world)).unwrap_or_default();
    xxhash_rust::xxh3::xxh3_64(&text)
}
