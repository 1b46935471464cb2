//! A running realm, as edges see it.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Sym, Tick};

use crate::admission::{Admission, TickEvents};
use crate::defined::Defined;
use crate::observed::Observed;
use crate::privacy::Privacy;
use crate::view_store::ViewStore;

/// How far a realm has come. Everything in it is durable and applied to the view store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last tick applied: what readers may see.
    pub tick: Tick,
    /// Its UTC milliseconds.
    pub utc_ms: i64,
}

/// A running realm. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its name: the first column of every row and the scope of every token.
    pub name: Sym,
    /// Names the journal's lineage: a reader may resume only within the same epoch.
    pub epoch: u64,
    /// The world it is an instance of.
    pub world: Arc<WorldDef>,
    /// The views.
    pub views: Arc<ViewStore>,
    /// The way in.
    pub admission: Admission,
    /// How far it has come; changes once a tick that changed something, and at least every 100 ms.
    pub progress: watch::Receiver<Progress>,
    /// Durable events, for those who follow the event stream. A slow reader misses some and is told.
    pub events: broadcast::Sender<TickEvents>,
    /// Sessions, rejections and statistics: rows that edges and the engine write themselves.
    pub observed: Observed,
    /// Which quests are defined.
    pub defined: Defined,
    /// The keys of its players: edges seal with them what is personal.
    pub privacy: Privacy,
}
