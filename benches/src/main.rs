//! Workloads, each by one command.

use clap::Parser;
use worldflow_benches::quest_2m;

/// Runs a workload and prints what it measured.
#[derive(Debug, Parser)]
enum Workload {
    /// Two million events of fifty thousand players against two hundred quests, from a file.
    #[command(name = "quest-2m")]
    Quest2m(quest_2m::Quest2mArgs),
}

fn main() -> anyhow::Result<()> {
    match Workload::parse() {
        Workload::Quest2m(args) => quest_2m::run(&args),
    }
}
