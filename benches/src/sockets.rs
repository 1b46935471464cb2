//! From event to delta over real sockets: an open loop.
//!
//! Every event has a time at which it is to be sent, whatever has become of those before it; its delta
//! is timed from there, so queues in the client, the server and the kernel all count. A player's one
//! objective counts that player's events, so the value in a delta says which of them it covers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use worldflow::serve::{RealmChoice, ServeConfig, Serving};
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_sources::game_socket::Limits;
use worldflow_sources::tokens::Role;

use crate::quest_2m::one_quest_world;

/// How the sockets are measured.
#[derive(Clone, Debug, clap::Args)]
pub struct SocketsArgs {
    /// Players, each with a connection that watches.
    #[arg(long, default_value_t = 2_000)]
    players: usize,
    /// Connections that send for the players.
    #[arg(long, default_value_t = 20)]
    servers: usize,
    /// Events a second, of all of them.
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Seconds of sending.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds at the start that are not counted.
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// The length of a tick.
    #[arg(long, default_value_t = 10)]
    tick_ms: u32,
    /// How long a connection gathers events into a frame.
    #[arg(long, default_value_t = 5)]
    frame_ms: u64,
    /// Timely workers.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Dashboards that follow everything, and read nothing of it. They are not cut off for that.
    #[arg(long, default_value_t = 0)]
    stopped: usize,
    /// Where the data folder is made: the journal is synced as in a real server.
    #[arg(long, default_value = "target/workloads")]
    folder: std::path::PathBuf,
}

/// Two thousand clients in one process need not hold more.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// Connections that are being opened at the same time.
const OPENED_AT_ONCE: usize = 64;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// When the events are to be sent: event `n` of all is player `n % players`'s.
#[derive(Clone, Copy)]
struct Schedule {
    start: Instant,
    rate: u64,
    players: u64,
    events: u64,
    counted_from: Duration,
}

impl Schedule {
    /// The time of the `number`th event of a player, from 1.
    fn due(&self, player: u64, number: u64) -> Duration {
        let place = (number - 1) * self.players + player;
        Duration::from_nanos(place * 1_000_000_000 / self.rate)
    }

    /// How many events a player has in all.
    fn of_player(&self, player: u64) -> u64 {
        (self.events + self.players - 1 - player) / self.players
    }
}

/// Serves a realm, plays by the schedule, and prints the times from event to delta.
///
/// # Errors
/// When connections fail, or a delta never comes.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
#[expect(clippy::cast_precision_loss, reason = "times for people")]
pub async fn run(args: &SocketsArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.folder)?;
    let data = tempfile::tempdir_in(&args.folder)?;
    let serving = Serving::open(ServeConfig {
        realms: vec![RealmChoice { name: "bench".to_owned(), world: one_quest_world(args.tick_ms) }],
        data: data.path().to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        postgres: None,
        workers: Some(args.workers),
        manual: false,
        tls: None,
        insecure: false,
        limits: limits(args),
        keys: Default::default(),
        quiet: false,
    })
    .await?;
    let (starts, started) = watch::channel(None);
    let mut watchers = JoinSet::new();
    let (opened, mut openings) = mpsc::channel(args.players.max(1));
    let doors = Arc::new(Semaphore::new(OPENED_AT_ONCE));
    for player in 0..args.players as u64 {
        let token = serving.token("bench", Role::Player, &player_name(player))?;
        let (address, doors, opened) = (serving.address, Arc::clone(&doors), opened.clone());
        let started = started.clone();
        watchers.spawn(async move {
            let door = doors.acquire_owned().await?;
            let socket = follow(address, &token).await.with_context(|| {
                format!("watching connection {player}: each takes two descriptors; see `ulimit -n`")
            })?;
            drop(door);
            opened.send(()).await?;
            watch_player(socket, player, started).await
        });
    }
    drop(opened);
    for _ in 0..args.players {
        tokio::select! {
            opened = openings.recv() => opened.context("a connection was not opened")?,
            Some(ended) = watchers.join_next() => {
                ended??;
                bail!("a connection ended before anything was sent");
            }
        }
    }
    let mut stopped = Vec::new();
    for _ in 0..args.stopped {
        let token = serving.token("bench", Role::Dashboard, "stopped")?;
        stopped.push(follow(serving.address, &token).await?);
    }
    let mut senders = Vec::new();
    for server in 0..args.servers {
        let token = serving.token("bench", Role::GameServer, &format!("server{server}"))?;
        senders.push(connect(serving.address, &token).await?);
    }
    let (watching, sending, reading_nothing) = (args.players, senders.len(), stopped.len());
    println!("connected      {watching} watching, {sending} sending, {reading_nothing} that read nothing");
    let schedule = Schedule {
        start: Instant::now() + Duration::from_millis(500),
        rate: args.rate,
        players: args.players as u64,
        events: args.rate * args.seconds,
        counted_from: Duration::from_secs(args.warm_up),
    };
    starts.send_replace(Some(schedule));
    let mut sending = JoinSet::new();
    let step = Duration::from_millis(args.frame_ms.max(1));
    for (server, socket) in (0..).zip(senders) {
        sending.spawn(send(socket, server, args.servers as u64, schedule, step));
    }
    let mut late = Histogram::<u64>::new(3)?;
    while let Some(sent) = sending.join_next().await {
        late.add(sent??)?;
    }
    let sent_in = schedule.start.elapsed();
    let mut times = Histogram::<u64>::new(3)?;
    let mut frames = 0;
    while let Some(watched) = watchers.join_next().await {
        let (seen, of_player) = watched??;
        for nanos in seen {
            times.record(nanos)?;
        }
        frames += of_player;
    }
    let ms = |nanos: u64| nanos as f64 / 1e6;
    println!(
        "sent           {} events in {:.1} s, {} a second asked for; ticks of {} ms, frames every {} ms",
        schedule.events,
        sent_in.as_secs_f64(),
        args.rate,
        args.tick_ms,
        args.frame_ms
    );
    println!("deltas         {frames} frames, {} events timed, none missing", times.len());
    let line = |what: &str, of: &Histogram<u64>| {
        let at = |quantile| ms(of.value_at_quantile(quantile));
        println!(
            "{what:14} p50 {:8.2} ms  p99 {:8.2} ms  p99.9 {:8.2} ms  max {:8.2} ms",
            at(0.5),
            at(0.99),
            at(0.999),
            ms(of.max())
        );
    };
    line("event to delta", &times);
    line("sent too late", &late);
    println!("peak memory    {} MiB, server and clients together", crate::peak_memory_mib());
    drop(stopped);
    serving.close().await
}

fn limits(args: &SocketsArgs) -> Limits {
    let limits = Limits::default();
    match args.stopped {
        0 => limits,
        _ => Limits { stall: Duration::from_secs(3_600), snapshots_behind: usize::MAX, ..limits },
    }
}

fn player_name(player: u64) -> String {
    format!("player{player:05}")
}

async fn connect(address: SocketAddr, token: &str) -> anyhow::Result<Socket> {
    let mut request = format!("ws://{address}/v1/socket").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("worldflow.v1.proto"));
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let (mut socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true).await?;
    let hello = v1::Hello { version: 1, token: Some(token.to_owned()), client: None };
    say(&mut socket, ClientFrame::Hello(hello)).await?;
    match hear(&mut socket).await? {
        ServerFrame::Welcome(_) => Ok(socket),
        other => bail!("no welcome, but {other:?}"),
    }
}

async fn follow(address: SocketAddr, token: &str) -> anyhow::Result<Socket> {
    let mut socket = connect(address, token).await?;
    let view = "objective_progress".to_owned();
    say(&mut socket, ClientFrame::Subscribe(v1::Subscribe { id: 1, view, ..v1::Subscribe::default() }))
        .await?;
    loop {
        match hear(&mut socket).await? {
            ServerFrame::Snapshot(_) => return Ok(socket),
            ServerFrame::Error(error) => bail!("not subscribed: {error:?}"),
            _ => {}
        }
    }
}

async fn say(socket: &mut Socket, frame: ClientFrame) -> anyhow::Result<()> {
    let bytes = v1::ClientFrame { frame: Some(frame) }.encode_to_vec();
    Ok(socket.send(Message::Binary(Bytes::from(bytes))).await?)
}

async fn hear(socket: &mut Socket) -> anyhow::Result<ServerFrame> {
    loop {
        match socket.next().await.context("the server hung up")?? {
            Message::Binary(bytes) => {
                return v1::ServerFrame::decode(bytes)?.frame.context("a frame of another version");
            }
            Message::Close(reason) => bail!("closed: {reason:?}"),
            _ => {}
        }
    }
}

/// Times a player's events by the values of the deltas; returns how many frames there were. Until the
/// schedule is told it only reads, and so answers the server's pings.
async fn watch_player(
    mut socket: Socket,
    player: u64,
    mut started: watch::Receiver<Option<Schedule>>,
) -> anyhow::Result<(Vec<u64>, u64)> {
    let schedule = loop {
        tokio::select! {
            told = started.wait_for(Option::is_some) => break (*told?).context("it has been told")?,
            frame = hear(&mut socket) => drop(frame?),
        }
    };
    let (mut seen, mut frames) = (0, 0);
    let all = schedule.of_player(player);
    // Two thousand histograms would grow at the same time, and stop everything for a second.
    let mut times = Vec::with_capacity(usize::try_from(all)?);
    let end = schedule.start + schedule.due(player, all) + Duration::from_secs(30);
    while seen < all {
        let frame = tokio::time::timeout_at(end, hear(&mut socket)).await;
        let frame = frame.with_context(|| format!("player {player} saw {seen} of {all} events"))??;
        let ServerFrame::Delta(delta) = frame else { continue };
        let now = schedule.start.elapsed();
        frames += 1;
        let rows = delta.changes.into_iter().filter_map(|change| change.rows?.view);
        let values = rows.filter_map(|rows| match rows {
            v1::rows::View::ObjectiveProgress(rows) => rows.rows.iter().filter_map(|row| row.value).max(),
            _ => None,
        });
        let value = values.max().and_then(|value| u64::try_from(value).ok()).unwrap_or(seen);
        for number in seen + 1..=value {
            let due = schedule.due(player, number);
            if due >= schedule.counted_from {
                times.push(u64::try_from(now.saturating_sub(due).as_nanos())?);
            }
        }
        seen = seen.max(value);
    }
    ensure!(seen == all, "player {player} saw {seen} events, and only {all} were sent");
    Ok((times, frames))
}

/// Sends the events of every `servers`th player when they are due; returns how late they left.
async fn send(
    socket: Socket,
    server: u64,
    servers: u64,
    schedule: Schedule,
    step: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let (mut sink, mut answers) = socket.split();
    let reader = tokio::spawn(async move {
        let mut refused = 0;
        while let Some(Ok(message)) = answers.next().await {
            let Message::Binary(bytes) = message else { continue };
            if let Ok(v1::ServerFrame { frame: Some(ServerFrame::Ack(ack)) }) = v1::ServerFrame::decode(bytes)
            {
                refused += ack.refused;
            }
        }
        refused
    });
    let mut late = Histogram::new(3)?;
    let mut timer = tokio::time::interval_at(schedule.start + step, step);
    timer.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let due = |place: u64| Duration::from_nanos(place * 1_000_000_000 / schedule.rate);
    let mut seq = 0;
    let mut waiting = (0..schedule.events).filter(|n| n % schedule.players % servers == server).peekable();
    while waiting.peek().is_some() {
        timer.tick().await;
        let now = schedule.start.elapsed();
        let mut events = Vec::new();
        while let Some(place) = waiting.next_if(|place| due(*place) <= now) {
            late.record(u64::try_from((now - due(place)).as_nanos())?)?;
            events.push(v1::Event {
                player: Some(player_name(place % schedule.players)),
                kind: "hit".to_owned(),
                ..v1::Event::default()
            });
        }
        if events.is_empty() {
            continue;
        }
        seq += 1;
        let frame = ClientFrame::Publish(v1::Publish { seq, events });
        let bytes = v1::ClientFrame { frame: Some(frame) }.encode_to_vec();
        sink.send(Message::Binary(Bytes::from(bytes))).await?;
    }
    // Acks that are still to come are of no interest: the watchers wait for every event.
    tokio::time::sleep(Duration::from_millis(200)).await;
    sink.close().await?;
    let refused = reader.await?;
    ensure!(refused == 0, "{refused} events were refused");
    Ok(late)
}
