//! Workloads, each by one command.

use clap::Parser;
use worldflow_benches::{
    certify, edits, journal, lore, machine, memories, quest_2m, quests_10k, restart, router, rows, simulated,
    sockets, speak, sql, sql_rows, stores, storylets, timers, wire,
};

/// Runs a workload and prints what it measured.
#[derive(Debug, Parser)]
enum Workload {
    /// Two million events of fifty thousand players against two hundred quests, from a file.
    #[command(name = "quest-2m")]
    Quest2m(quest_2m::Quest2mArgs),
    /// Ten thousand quests checked, loaded, and played by a hundred thousand players.
    #[command(name = "quests-10k")]
    Quests10k(quests_10k::Quests10kArgs),
    /// What a million pending deadlines add to a tick.
    Timers(timers::TimersArgs),
    /// From event to delta over real sockets, by a schedule that waits for nobody.
    Sockets(sockets::SocketsArgs),
    /// JSON beside protobuf: bytes and time of an event.
    Wire,
    /// Events a second with every tick made durable.
    Journal(journal::JournalArgs),
    /// Segments beside stores made by others, and a run beside one protobuf file.
    Stores(stores::StoresArgs),
    /// From the start of a process to its first delta, after a crash.
    Restart(restart::RestartArgs),
    /// A view written into PostgreSQL and SQLite by its sink, and by hand.
    Sql(sql::SqlArgs),
    /// A quest that many players hold is edited: until all is consistent, beside computing it again.
    Edits(edits::EditsArgs),
    /// Ten thousand chunks of lore, searched by words and by vectors.
    Lore(lore::LoreArgs),
    /// Ten thousand things that are remembered of a player: until the best are shown, and reading them.
    Memories(memories::MemoriesArgs),
    /// One script against a model server and against the simulated tier with the numbers that were measured.
    Certify(certify::CertifyArgs),
    /// What router and batcher of the tiers add to a direct call, in an open loop.
    Router(router::RouterArgs),
    /// Ten thousand players who talk to characters of two simulated tiers, through the whole graph.
    Speak(speak::SpeakArgs),
    /// Simulated servers of a tier, for `router` and `speak`; they end when the input does.
    #[command(hide = true)]
    Simulator(simulated::SimulatorArgs),
    /// Five thousand storylets and a hundred thousand players: work for each event, and how soon a line is found.
    Storylets(storylets::StoryletsArgs),
    /// The form of rows: shared values beside packed bytes.
    Rows,
    /// The form of rows inside a SQL view: a filter, a join and a sum, in one of four forms.
    SqlRows(sql_rows::SqlRowsArgs),
}

/// As in the server: rows are made on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
fn main() -> anyhow::Result<()> {
    let workload = Workload::parse();
    println!("machine        {}", machine());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match workload {
        Workload::Quest2m(args) => runtime.block_on(quest_2m::run(&args)),
        Workload::Quests10k(args) => runtime.block_on(quests_10k::run(&args)),
        Workload::Timers(args) => {
            timers::run(&args);
            Ok(())
        }
        Workload::Sockets(args) => runtime.block_on(sockets::run(&args)),
        Workload::Wire => wire::run(),
        Workload::Journal(args) => runtime.block_on(journal::run(&args)),
        Workload::Stores(args) => stores::run(&args),
        Workload::Restart(args) => runtime.block_on(restart::run(&args)),
        Workload::Sql(args) => runtime.block_on(sql::run(&args)),
        Workload::Edits(args) => runtime.block_on(edits::run(&args)),
        Workload::Lore(args) => {
            lore::run(&args);
            Ok(())
        }
        Workload::Memories(args) => runtime.block_on(memories::run(&args)),
        Workload::Router(args) => router::run(&args),
        Workload::Speak(args) => runtime.block_on(speak::run(&args)),
        Workload::Simulator(args) => simulated::run(&args),
        Workload::Certify(args) => runtime.block_on(certify::run(&args)),
        Workload::SqlRows(args) => {
            sql_rows::run(&args);
            Ok(())
        }
        Workload::Storylets(args) => {
            storylets::run(&args);
            Ok(())
        }
        Workload::Rows => {
            rows::run();
            Ok(())
        }
    }
}
