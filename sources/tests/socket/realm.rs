//! A realm without a graph: a task that takes batches, gives them ticks and writes a few rows.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use worldflow_engine::admission::{Admission, Batch, Outcome, TickEvents};
use worldflow_engine::defined::Defined;
use worldflow_engine::disk::SharedDisk;
use worldflow_engine::observed::Observed;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{DefinitionEdit, EntityChange};
use worldflow_schemas::{Command, Diff, Event, EventId, Input, Row, Sym, Tick, Value};
use worldflow_sources::game_socket::{Limits, Now, Realms, router};
use worldflow_sources::http_guard::guarded;
use worldflow_sources::lingering::Lingering;
use worldflow_sources::tokens::{Claims, Role, Tokens};

pub(crate) const FIRST_TICK: Tick = 180_000_000_000;

/// A fake realm behind a real server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) realms: Realms,
    pub(crate) realm: Realm,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) game_server: String,
    pub(crate) ana: String,
    pub(crate) dashboard: String,
    progress: watch::Sender<Progress>,
    publish_progress: Arc<Mutex<()>>,
    /// While it is true, what is submitted waits.
    pub(crate) paused: watch::Sender<bool>,
}

/// What the task that plays the sequencer knows.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) tick: Tick,
    seen: HashMap<(Sym, EventId), Tick>,
    rows: HashMap<(ViewId, Vec<Value>), Row>,
    pub(crate) inputs: Vec<Input>,
}

pub(crate) fn world() -> WorldDef {
    let world = serde_json::json!({
        "name": "test", "seed": 1,
        "regions": {"moor": {}, "woods": {}},
        "zones": {"moor": {"climate": "mild"}},
        "kinds": {
            "kill": {"max_amount": 1000, "max_per_second": 1_000_000, "attributes": {"weapon": "id", "damage": "number"}},
            "say": {"from": "player", "known_targets": false, "max_per_second": 5, "attributes": {"words": "text"}},
            "boss": {"priority": "critical"},
            "step": {"priority": "low"}
        },
        "entities": {"wolf": {"tags": ["beast"]}},
        "facts": {"mood": {"scope": "realm", "type": "int", "default": 0}}
    });
    serde_json::from_value(world).expect("a world")
}

pub(crate) async fn start(limits: Limits) -> Server {
    start_with(limits, ViewStore::MOST_CHANGES).await
}

pub(crate) async fn start_with(limits: Limits, most_changes: usize) -> Server {
    start_streaming(limits, most_changes, 1024).await
}

/// A realm whose stream holds so many ticks for one who is late.
pub(crate) async fn start_streaming(limits: Limits, most_changes: usize, ticks: usize) -> Server {
    start_world(world(), limits, most_changes, ticks).await
}

/// A realm of this world.
pub(crate) async fn start_world(
    world: WorldDef,
    limits: Limits,
    most_changes: usize,
    ticks: usize,
) -> Server {
    let defined = Defined::default();
    let quest = serde_json::json!({"title": "t", "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}});
    let quest = serde_json::from_value(quest).expect("a quest");
    defined.note(&DefinitionEdit::Quest(Sym::new("wolves"), Some(Arc::new(quest))));
    let (admission, batches) = Admission::open();
    let name = Sym::new("greenvale");
    let (progress, progress_seen) = watch::channel(Progress { tick: FIRST_TICK, utc_ms: 1_800_000_000_000 });
    let realm = Realm {
        name,
        epoch: 0xfeed,
        world: Arc::new(world),
        views: Arc::new(ViewStore::new(most_changes)),
        admission,
        progress: progress_seen,
        events: broadcast::channel(ticks).0,
        observed: Observed::new(name),
        defined,
        // Without a journal no key is ever saved.
        privacy: Privacy::open(name, Privacy::beside(Path::new("not-there")), SharedDisk::default())
            .expect("there is nothing to read"),
    };
    let state = Arc::new(Mutex::new(State { tick: FIRST_TICK, ..State::default() }));
    let publish_progress = Arc::new(Mutex::new(()));
    let (paused, resumed) = watch::channel(false);
    tokio::spawn(sequence(
        realm.clone(),
        batches,
        progress.clone(),
        Arc::clone(&state),
        Arc::clone(&publish_progress),
        resumed,
    ));
    let tokens = Tokens::new();
    let token = |role, subject: &str| {
        tokens.issue(Claims { role, realm: name, subject: subject.into() }).expect("randomness")
    };
    let (game_server, ana) = (token(Role::GameServer, "server-1"), token(Role::Player, "ana"));
    let dashboard = token(Role::Dashboard, "board");
    let realms = Realms::open([realm.clone()], tokens, limits, Now::Wall);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let app = guarded(router(realms.clone()), realms.clone());
    tokio::spawn(async move { axum::serve(Listener(listener), app).await });
    Server { address, realms, realm, state, game_server, ana, dashboard, progress, publish_progress, paused }
}

/// Accepts connections as the real server does.
struct Listener(TcpListener);

impl axum::serve::Listener for Listener {
    type Io = Lingering;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Lingering, SocketAddr) {
        let (stream, address) = self.0.accept().await.expect("the test has descriptors");
        (Lingering::new(stream), address)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Server {
    /// Applies a tick of the test's own.
    pub(crate) fn tick(&self, changes: Vec<(ViewId, Row, Diff)>) -> Tick {
        self.tick_with(|views, tick| drop(views.apply(tick, changes)))
    }

    /// The same, in which this is done to the views.
    pub(crate) fn tick_with(&self, apply: impl FnOnce(&ViewStore, Tick)) -> Tick {
        let _one_at_a_time = self.publish_progress.lock().expect("no panic");
        let mut state = self.state.lock().expect("no panic");
        state.tick += 1;
        let tick = state.tick;
        apply(&self.realm.views, tick);
        self.progress.send_replace(at(tick));
        tick
    }

    /// Sets rows of a view, each by its key.
    pub(crate) fn set(&self, view: ViewId, rows: impl IntoIterator<Item = Row>) -> Tick {
        let changes = {
            let mut state = self.state.lock().expect("no panic");
            rows.into_iter().flat_map(|row| state.set(view, row)).collect()
        };
        self.tick(changes)
    }

    pub(crate) fn rejections(&self) -> Vec<String> {
        let view = self.realm.views.read(catalog::REJECTIONS);
        view.rows(&worldflow_engine::view_store::Filter::all()).map(|row| row[4].to_string()).collect()
    }
}

fn at(tick: Tick) -> Progress {
    Progress { tick, utc_ms: i64::try_from(tick * 10).expect("small") }
}

impl State {
    pub(crate) fn set(&mut self, view: ViewId, row: Row) -> Vec<(ViewId, Row, Diff)> {
        let key = (view, row.key(view.def().key).to_vec());
        let old = self.rows.insert(key, row.clone());
        old.map(|old| (view, old, -1)).into_iter().chain([(view, row, 1)]).collect()
    }

    /// Takes the row of that key away, if there is one.
    pub(crate) fn remove(&mut self, view: ViewId, key: &[&str]) -> Vec<(ViewId, Row, Diff)> {
        let key = key.iter().map(|id| Value::Sym((*id).into())).collect();
        self.rows.remove(&(view, key)).map(|old| (view, old, -1)).into_iter().collect()
    }
}

/// A tick with one event of each of these kinds, by nobody.
pub(crate) fn tick_of(tick: Tick, kinds: impl IntoIterator<Item = &'static str>) -> TickEvents {
    let event = |kind: &str| Event {
        at_ms: 0,
        source: "server-1".into(),
        id: EventId::Position(tick),
        player: Sym::NONE,
        kind: kind.into(),
        target: Sym::NONE,
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    TickEvents { tick, events: kinds.into_iter().map(event).collect() }
}

pub(crate) fn level(player: &str, experience: i64) -> Row {
    Row::from([
        Value::Sym("greenvale".into()),
        Value::Sym(player.into()),
        Value::Int(1),
        Value::Int(experience),
        Value::Int(experience),
        Value::Int(100 - experience),
    ])
}

pub(crate) fn grant(id: &str, player: &str, status: &str) -> Row {
    Row::from([
        Value::Sym("greenvale".into()),
        Value::text(id),
        Value::Sym("wolves".into()),
        Value::Sym("player".into()),
        Value::Sym(player.into()),
        Value::Int(1),
        Value::Sym("gold".into()),
        Value::Sym(player.into()),
        Value::Sym("gold".into()),
        Value::Int(5),
        Value::Sym(status.into()),
        Value::Null,
        Value::Int(1),
    ])
}

pub(crate) fn entity(id: &str, tags: &str) -> Row {
    Row::from([
        Value::Sym("greenvale".into()),
        Value::Sym(id.into()),
        Value::Sym("npc".into()),
        Value::text(tags),
        Value::text(r#"{"hp":10}"#),
        Value::Int(1),
    ])
}

async fn sequence(
    realm: Realm,
    mut batches: mpsc::Receiver<Batch>,
    progress: watch::Sender<Progress>,
    state: Arc<Mutex<State>>,
    one_at_a_time: Arc<Mutex<()>>,
    mut paused: watch::Receiver<bool>,
) {
    let mut idle = tokio::time::interval(Duration::from_millis(5));
    let mut experience: HashMap<Sym, i64> = HashMap::new();
    loop {
        let batch = tokio::select! {
            batch = batches.recv() => match batch {
                Some(batch) => Some(batch),
                None => return,
            },
            _ = idle.tick() => None,
        };
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        let observed = realm.observed.drain();
        if batch.is_none() && observed.is_empty() {
            continue;
        }
        let _guard = one_at_a_time.lock().expect("no panic");
        let mut state = state.lock().expect("no panic");
        state.tick += 1;
        let tick = state.tick;
        let mut changes = observed;
        let (mut outcomes, mut events) = (Vec::new(), Vec::new());
        let reply = batch.and_then(|batch| {
            for item in batch.items {
                // An item without an id counts each time: the sequencer numbers it.
                let numbered = !item.id.is_unnumbered();
                let seen = state.seen.get(&(batch.source, item.id.clone()));
                if let Some(first) = seen.filter(|_| numbered) {
                    outcomes.push(Outcome::Duplicate { tick: *first });
                    continue;
                }
                state.seen.insert((batch.source, item.id), tick);
                outcomes.push(Outcome::Accepted { tick });
                state.inputs.push(item.input.clone());
                match item.input {
                    Input::Event(event) => {
                        let sum = experience.entry(event.player).or_insert(0);
                        *sum += event.amount;
                        let row = level(event.player.as_str(), *sum);
                        changes.extend(state.set(catalog::LEVELS, row));
                        events.push(event);
                    }
                    Input::Command(command) => outcomes.extend(obey(&mut state, &mut changes, command)),
                }
            }
            batch.reply
        });
        realm.views.apply(tick, changes);
        let events: Arc<[Event]> = events.into();
        let _ = realm.events.send(TickEvents { tick, events });
        progress.send_replace(at(tick));
        if let Some(reply) = reply {
            let _ = reply.send(outcomes);
        }
    }
}

fn obey(state: &mut State, changes: &mut Vec<(ViewId, Row, Diff)>, command: Command) -> Option<Outcome> {
    match command {
        Command::GrantAnswer(answer) => {
            let status = if answer.delivered { "delivered" } else { "refused" };
            changes.extend(state.set(catalog::GRANTS, grant(answer.grant.as_str(), "ana", status)));
        }
        Command::Entity(write) => {
            if let EntityChange::Upsert(_) = write.change {
                changes.extend(state.set(catalog::ENTITIES, entity(write.entity.as_str(), "[]")));
            }
        }
        _ => {}
    }
    None
}
