//! Realms and their edges in one process: sockets, HTTP, SQL sinks, GPU tiers, the live page.
//!
//! `worlds ─open→ realms ─▶ one listener for all of them, and each realm's own sinks`
//!
//! Closing goes the way of the data: sessions first, then realms, then sinks.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Uri};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use worldflow_engine::admission::{Item, Outcome, Refusal};
use worldflow_engine::folder::has_begun;
use worldflow_engine::realm::Realm;
use worldflow_engine::runtime::RunningRealm;
use worldflow_engine::tick_clock::system_wall_clock;
use worldflow_schemas::definitions::{ModerationDef, SinkDef};
use worldflow_schemas::{Input, Sym, Tick, catalog};
use worldflow_sinks::answers;
use worldflow_sinks::health::{Health, Pace, health_router};
use worldflow_sinks::http_views::{Authorize, HttpError, Scope, views_router};
use worldflow_sinks::live_page::{LivePage, live_page_router};
use worldflow_sinks::lore::{Lore, LoreStore, embedder_of, lore_router};
use worldflow_sinks::sql::{SinkStatus, SqlSink, SqlSinkConfig, Target};
use worldflow_sinks::tiers::Tiers;
use worldflow_sources::audit::{Act, Audit, AuditConfig, forgotten};
use worldflow_sources::check::{Checker, Sender};
use worldflow_sources::game_socket::{Limits, Now, Realms, request_token, router};
use worldflow_sources::http_guard::guarded;
use worldflow_sources::moderator::Moderator;
use worldflow_sources::tokens::{Claims, Role, Tokens};

use crate::advance::advance_router;
use crate::connections::{ConnectionLimits, serve};
use crate::edits::{Editable, Editing, Watching, edit_router, watch};
use crate::explain::{Explained, explain_router};
use crate::explain_view::{Measured, ViewSizes, explain_view_router};
use crate::keys::Keys;
use crate::open::{OpenConfig, open_as_it_is, start_realm};
use crate::recordings::{Playing, RecordingSource, recordings_of};
use crate::secrets::resolve;
use crate::streams::{Reading, StreamSource, streams_of};
use crate::text::text_router;
use crate::world::LoadedWorld;

/// A realm to serve.
pub struct RealmChoice {
    /// Its name.
    pub name: String,
    /// Its world.
    pub world: LoadedWorld,
}

/// What is served, and where.
pub struct ServeConfig {
    /// The realms, each with its own workers, journal and sinks.
    pub realms: Vec<RealmChoice>,
    /// The data folder; each realm has a folder of its own in it.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Writes every deterministic view of every realm to this PostgreSQL as well.
    pub postgres: Option<String>,
    /// Timely workers a realm, when not as the world says.
    pub workers: Option<usize>,
    /// Time passes only by `POST /v1/clock/advance`.
    pub manual: bool,
    /// With what connections are encrypted.
    pub tls: Option<TlsAcceptor>,
    /// Whether others than this machine may connect without TLS.
    pub insecure: bool,
    /// How much whoever connects may take.
    pub limits: Limits,
    /// Where the keys of players lie.
    pub keys: Keys,
    /// Nothing is read from sources, no tier is asked and no definition is written: for what is done to a realm that is
    /// not in use, and seals no tick but for what is asked of it.
    pub quiet: bool,
}

/// A server that runs.
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    /// The tokens that are good; more can be issued.
    pub tokens: Tokens,
    realms: Vec<RunningRealm>,
    editings: Vec<Editing>,
    edges: Realms,
    playing: Vec<Playing>,
    reading: Vec<Reading>,
    sinks: Vec<SqlSink>,
    tiers: Vec<Tiers>,
    lores: Vec<Lore>,
    lore_stores: Vec<LoreStore>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    audit: Audit,
}

impl Serving {
    /// Opens the realms and starts everything around them.
    ///
    /// # Errors
    /// When the port is taken, a data folder is in use or damaged, or a sink's or tier's settings
    /// cannot be used.
    pub async fn open(config: ServeConfig) -> anyhow::Result<Serving> {
        let listener = listen(config.listen, config.tls.is_some() || config.insecure).await?;
        let address = listener.local_addr()?;
        let metrics = worldflow_sinks::health::install_metrics().ok();
        let audit = Audit::open(&config.data, AuditConfig::default()).map_err(|error| {
            anyhow::anyhow!(
                "{}: the audit log cannot be written: {error}\nhint: check that the data folder can be written",
                config.data.display()
            )
        })?;
        // Written down once it is true.
        let mut begun = vec![
            Act::new("server_started").with("listen", address.to_string()).with("manual", config.manual),
        ];
        let mut realms = Vec::new();
        let mut sinks: Vec<(Sym, SqlSink)> = Vec::new();
        let mut tiers = Vec::new();
        let (mut lores, mut lore_stores) = (Vec::new(), Vec::new());
        let (mut playing, mut reading) = (Vec::new(), Vec::new());
        let (mut editable, mut measured) = (Vec::new(), Vec::new());
        for RealmChoice { name, world } in config.realms {
            let name = Sym::new(&name);
            let folder = config.data.join(name.as_str());
            begun.push(definitions_written(name, &world));
            let recordings = if config.quiet { Vec::new() } else { recordings_of(&world)? };
            let mut streams = if config.quiet { Vec::new() } else { streams_of(&world)? };
            one_producer_each(&recordings, &streams)?;
            if !has_begun(folder.as_path()) {
                // A fresh realm begins with what is there.
                for stream in &mut streams {
                    stream.look().await;
                }
            }
            let event_time = (recordings.iter().filter_map(RecordingSource::event_time))
                .chain(streams.iter().filter_map(StreamSource::event_time))
                .collect();
            let opening = OpenConfig {
                realm: name,
                world: world.clone(),
                folder: Some(folder.clone()),
                workers: config.workers,
                manual: config.manual,
                event_time,
                keys: config.keys.clone(),
            };
            let sizes = ViewSizes::default();
            let (running, defined) = if config.quiet {
                (open_as_it_is(opening, sizes.clone()).await?, None)
            } else {
                let (running, defined) = start_realm(opening, sizes.clone()).await?;
                (running, Some(defined))
            };
            let realm = running.realm.clone();
            let positions = running.positions();
            playing.extend(recordings.into_iter().map(|recording| recording.play(realm.clone(), positions)));
            reading.extend(streams.into_iter().map(|stream| stream.read(realm.clone(), positions)));
            if let Some(defined) = defined {
                defined.taken().await?;
            }
            let lore = open_lore(&realm, world.path.as_deref(), config.quiet)?;
            let editing = Editing::of(realm.clone(), world);
            measured.push(Measured { editing: editing.clone(), sizes });
            editable.push(Editable { editing, folder: folder.clone() });
            for sink in sql_sinks(&realm, &folder, config.postgres.as_deref())? {
                lore_stores.extend(open_lore_store(&lore, &realm, &sink));
                sinks.push((name, SqlSink::open(sink, realm.clone())));
            }
            if !realm.world.tiers.is_empty() && !config.quiet {
                tiers.push(Tiers::open(realm, Some(lore.searcher()), |name| std::env::var(name).ok())?);
            }
            lores.push(lore);
            realms.push(running);
        }
        let tokens = Tokens::new();
        let now = if config.manual { Now::Realm } else { Now::Wall };
        let edges = Realms::open(
            realms.iter().map(|running| running.realm.clone()),
            tokens.clone(),
            config.limits,
            now,
        );
        edges.record_in(audit.clone());
        if !config.quiet {
            moderate(&edges, &realms)?;
        }
        let statuses = sinks.iter().map(|(realm, sink)| (*realm, sink.status())).collect();
        let editings: Vec<Editing> = editable.iter().map(|realm| realm.editing.clone()).collect();
        let explained = editable
            .iter()
            .map(|realm| Explained { editing: realm.editing.clone(), folder: realm.folder.clone() });
        let explain = explain_router(explained.collect(), edges.tokens().clone());
        let texts = text_router(editings.clone(), authorize(edges.tokens().clone()));
        let explain = explain.merge(explain_view_router(measured, authorize(edges.tokens().clone())));
        let searchers = lores.iter().map(Lore::searcher).collect();
        let explain = explain.merge(lore_router(searchers, authorize(edges.tokens().clone())));
        let edits = edit_router(editable, edges.tokens().clone(), audit.clone()).merge(explain).merge(texts);
        let manual = config.manual.then_some(&audit);
        let app = app(&realms, &edges, statuses, metrics, address.ip(), manual, edits);
        let (stop, stopping) = watch::channel(false);
        let server = tokio::spawn(serve(listener, config.tls, app, ConnectionLimits::default(), stopping));
        let sinks = sinks.into_iter().map(|(_, sink)| sink).collect();
        begun.into_iter().for_each(|act| audit.write(act));
        Ok(Serving {
            address,
            tokens,
            realms,
            editings,
            edges,
            playing,
            reading,
            sinks,
            tiers,
            lores,
            lore_stores,
            stop,
            server,
            audit,
        })
    }

    /// Issues a token for a realm.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn token(&self, realm: &str, role: Role, subject: &str) -> std::io::Result<String> {
        self.tokens.issue(Claims { role, realm: Sym::new(realm), subject: Sym::new(subject) })
    }

    /// Makes what is personal of a player unreadable, where time is moved by hand; returns the tick when it is.
    ///
    /// # Errors
    /// When nobody is known by that name, or the realm has stopped.
    pub async fn forget(&self, realm: &str, player: &str) -> anyhow::Result<Tick> {
        let running = self.realms.iter().find(|running| running.realm.name.as_str() == realm);
        let running = running.ok_or_else(|| anyhow::anyhow!("that realm does not run here"))?;
        let realm = &running.realm;
        let sender = Sender::trusted(Sym::new("operator"));
        let refused = |refusal: Refusal| anyhow::anyhow!("{}\nhint: {}", refusal.reason, refusal.hint);
        // The time of a realm that stands still is where it stopped.
        let now_ms = Some(*realm.progress.borrow()).filter(|now| now.tick > 0);
        let now_ms = now_ms.map_or_else(|| system_wall_clock()(), |now| now.utc_ms);
        let (id, command) = Checker::of(realm).forget(player, &sender, now_ms).map_err(refused)?;
        let item = Item { id, input: Input::Command(command), most_per_s: None };
        let published = realm.admission.publish(sender.source, vec![item]);
        let (outcomes, advanced) = tokio::join!(published, running.advance(1));
        advanced.map_err(|_| anyhow::anyhow!("the realm has stopped\nhint: the log says why"))?;
        match outcomes?.into_iter().next() {
            Some(Outcome::Accepted { tick } | Outcome::Duplicate { tick }) => {
                self.audit.write(forgotten(player, tick).realm(realm.name));
                Ok(tick)
            }
            Some(Outcome::Refused(refusal)) => Err(refused(*refusal)),
            Some(Outcome::Denied(denied)) => Err(refused(denied.0)),
            None => anyhow::bail!("the realm has stopped\nhint: the log says why"),
        }
    }

    /// The realms that run.
    #[must_use]
    pub fn realms(&self) -> Vec<Realm> {
        self.realms.iter().map(|running| running.realm.clone()).collect()
    }

    /// Edits the realms as the files of their worlds are saved. `told` hears in words what became of it.
    #[must_use]
    pub fn watch(&self, told: impl Fn(String) + Clone + Send + 'static) -> Vec<Watching> {
        let folder = |editing: &Editing| Some((editing.clone(), editing.folder()?));
        let folders: Vec<(Editing, PathBuf)> = self.editings.iter().filter_map(folder).collect();
        folders.into_iter().map(|(editing, folder)| watch(editing, folder, told.clone())).collect()
    }

    /// Returns when a realm has stopped by itself.
    pub async fn failed(&self) {
        let mut check = tokio::time::interval(Duration::from_millis(500));
        while !self.realms.iter().any(RunningRealm::has_failed) {
            check.tick().await;
        }
    }

    /// Takes what has been sent, says goodbye to every session when it has seen what came of it, writes it out, and ends.
    ///
    /// # Errors
    /// When a realm had failed or could not write its last snapshot.
    pub async fn close(self) -> anyhow::Result<()> {
        for playing in &self.playing {
            playing.stop();
        }
        for reading in self.reading {
            reading.close().await;
        }
        for tiers in self.tiers {
            tiers.close().await;
        }
        for store in self.lore_stores {
            store.close().await;
        }
        for lore in self.lores {
            lore.close().await;
        }
        let _gone = self.stop.send(true);
        let mut result = Ok(());
        // Realms before sessions: whoever is here until the end has the last tick, and goes on from it.
        for running in self.realms {
            if let Err(error) = running.close().await {
                result = Err(error.into());
            }
        }
        self.edges.close();
        for sink in self.sinks {
            sink.close().await;
        }
        // Streams of live pages end with their realms; a client that still does not hang up is cut.
        let abort = self.server.abort_handle();
        match tokio::time::timeout(LAST_CONNECTIONS, self.server).await {
            Ok(served) => served?,
            Err(_) => abort.abort(),
        }
        let audit = self.audit;
        audit.write(Act::new("server_stopped").with("well", result.is_ok()));
        // It waits for a disk.
        tokio::task::spawn_blocking(move || audit.close()).await?;
        result
    }
}

/// How long connections may take to end once everything else has.
const LAST_CONNECTIONS: Duration = Duration::from_secs(2);

async fn listen(address: SocketAddr, exposed: bool) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() && !exposed {
        anyhow::bail!(
            "refusing to listen on {address}: only the loopback is served without TLS\n\
             hint: give --tls-cert and --tls-key; or use 127.0.0.1, and a proxy with TLS in front of it"
        );
    }
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {} on {} is in use\nhint: choose another with --port, or --port 0 for a free one",
            address.port(),
            address.ip()
        ),
        _ => anyhow::anyhow!("cannot listen on {address}: {error}"),
    })
}

/// What a realm's world defines, as a line of the audit log: how much, and a fingerprint that is another when a definition is.
fn definitions_written(realm: Sym, world: &LoadedWorld) -> Act {
    let all = (&world.quests, &world.climates, &world.schedules, &world.npcs, &world.rules, &world.lore);
    let text = serde_json::to_vec(&(&*world.world, all)).unwrap_or_default();
    Act::new("definitions_written")
        .realm(realm)
        .with("world", world.world.name.as_str())
        .with("quests", world.quests.len())
        .with("climates", world.climates.len())
        .with("schedules", world.schedules.len())
        .with("npcs", world.npcs.len())
        .with("rules", world.rules.len())
        .with("lore", world.lore.len())
        .with("fingerprint", format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&text)))
}

/// Nothing tells the ids of two sources apart that have one producer.
fn one_producer_each(recordings: &[RecordingSource], streams: &[StreamSource]) -> anyhow::Result<()> {
    for stream in streams {
        let producer = stream.producer();
        anyhow::ensure!(
            recordings.iter().all(|recording| recording.source() != producer),
            "a recording and a stream have the same producer `{producer}`\n\
             hint: their events would count as one another's; give one of them another"
        );
    }
    Ok(())
}

/// Has a service judge what players say, in the realms whose worlds have one.
fn moderate(edges: &Realms, realms: &[RunningRealm]) -> anyhow::Result<()> {
    for realm in realms.iter().map(|running| &running.realm) {
        if let ModerationDef::Http(def) = &realm.world.moderation {
            let moderator = Moderator::open(realm.name, def, |name| std::env::var(name).ok())?;
            edges.moderate_with(realm.name, moderator);
        }
    }
    Ok(())
}

fn sql_sinks(realm: &Realm, folder: &Path, postgres: Option<&str>) -> anyhow::Result<Vec<SqlSinkConfig>> {
    let parse = |name: &str, def: &SinkDef| {
        SqlSinkConfig::parse(name, def, folder)
            .map_err(|error| anyhow::anyhow!("{error}\nhint: {}", error.hint()))
    };
    let mut sinks = Vec::new();
    for (name, def) in &realm.world.sinks {
        let mut def = def.clone();
        if let SinkDef::Postgres { url, .. } = &mut def {
            *url = resolve(url, &format!("sinks.{name}.url"))?;
        }
        sinks.push(parse(name, &def)?);
    }
    if let Some(url) = postgres {
        let every = worldflow_schemas::definitions::Span { ms: 250, world: false };
        let def = SinkDef::Postgres { url: url.to_owned(), views: None, every };
        sinks.push(parse("postgres", &def)?);
    }
    Ok(sinks)
}

/// A realm that is not in use asks no embedder.
fn open_lore(realm: &Realm, folder: Option<&Path>, quiet: bool) -> anyhow::Result<Lore> {
    let variable = |name: &str| std::env::var(name).ok();
    let embedder = if quiet { None } else { embedder_of(&realm.world, folder, variable)? };
    Ok(Lore::open(realm.clone(), embedder))
}

/// The embeddings of a realm's lore go where its rows go, if that is PostgreSQL.
fn open_lore_store(lore: &Lore, realm: &Realm, sink: &SqlSinkConfig) -> Option<LoreStore> {
    let Target::Postgres(address) = &sink.target else { return None };
    let embeds = lore.searcher().model().is_some();
    let has_lore = sink.views.of(&realm.views.catalog()).contains(&catalog::LORE);
    (embeds && has_lore).then(|| LoreStore::open(lore, address.clone()))
}

fn app(
    realms: &[RunningRealm],
    edges: &Realms,
    statuses: Vec<(Sym, watch::Receiver<SinkStatus>)>,
    metrics: Option<worldflow_sinks::health::PrometheusHandle>,
    ip: IpAddr,
    manual: Option<&Audit>,
    edits: Router,
) -> Router {
    let seen: Vec<Realm> = realms.iter().map(|running| running.realm.clone()).collect();
    let pace = if manual.is_some() { Pace::Manual } else { Pace::RealTime };
    let authorize = authorize(edges.tokens().clone());
    let health = Health {
        realms: seen.iter().map(|realm| (realm.clone(), pace)).collect(),
        sinks: statuses.iter().map(|(_, status)| status.clone()).collect(),
        metrics,
        authorize: Arc::clone(&authorize),
    };
    // The page is open on the loopback: whoever is there can read the data folder too.
    let page_authorize = (!ip.is_loopback()).then(|| Arc::clone(&authorize));
    let answered = seen.iter().map(|realm| (realm.name, answers::follow(realm.clone()))).collect();
    let page = LivePage { realms: seen.clone(), sinks: statuses, answered, authorize: page_authorize };
    let mut app = router(edges.clone())
        .merge(views_router(seen, authorize))
        .merge(health_router(health))
        .merge(live_page_router(page))
        .merge(edits);
    if let Some(audit) = manual {
        let drivers = realms.iter().map(|running| (running.realm.clone(), running.driver())).collect();
        app = app.merge(advance_router(drivers, edges.tokens().clone(), audit.clone()));
    }
    guarded(app, edges.clone())
}

/// Who may read views: a game server or a dashboard its realm. A player uses the socket, which
/// shows each one their own.
fn authorize(tokens: Tokens) -> Authorize {
    Arc::new(move |headers: &HeaderMap, uri: &Uri| {
        let token = request_token(headers, uri);
        let claims = token.and_then(|token| tokens.claims(&token)).ok_or_else(HttpError::unauthenticated)?;
        match claims.role {
            Role::GameServer | Role::Dashboard | Role::Designer => Ok(Scope::Realm(claims.realm)),
            Role::Player => Err(HttpError::forbidden(
                "a player's token does not read whole views".to_owned(),
                "subscribe on the socket, or use a dashboard's token".to_owned(),
            )),
        }
    })
}
