//! `worldflow simulate`: bots with personalities play a world for days, in memory and as fast as can be.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::progress;
use crate::simulate::{Mix, PERSONALITIES, Report, SimulateConfig, chart, csv, simulate, summary};
use crate::world::LoadedWorld;

/// Let simulated players play a world for days, and see which quests they finish, and which nobody can
///
/// The world runs in memory, with no network and no wall clock: the same seed gives the same report to the byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow simulate my_world                              a week of the world, a hundred players
  worldflow simulate my_world --players 1000 --days 30 --seed 7
  worldflow simulate my_world --mix completionist=3,quitter=1
  worldflow simulate my_world --csv quests.csv --svg quests.svg
  worldflow simulate my_world --simulated-tiers            and see what NPCs would ask of models, and what that costs
  worldflow simulate my_world --deny-wrong                 for continuous integration
  worldflow simulate --personalities                       who there is to play")]
pub(super) struct SimulateArgs {
    /// The world folder; the demo world when absent.
    world: Option<PathBuf>,
    /// How many players.
    #[arg(long, default_value_t = 100, value_parser = super::numbers::players())]
    players: u32,
    /// How many days of the world.
    #[arg(long, default_value_t = 7, value_parser = super::numbers::days())]
    days: u32,
    /// The seed of what players do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of each personality, in proportion.
    #[arg(long, value_name = "NAME=WEIGHT,...", default_value_t)]
    mix: Mix,
    /// The real moment at which it begins, which windows, pools and daily quests go by.
    #[arg(long, value_name = "TIME", default_value = "2024-01-01T00:00:00Z")]
    at: jiff::Timestamp,
    /// Timely workers; the report is the same with any number.
    #[arg(long, default_value_t = 1, value_parser = super::numbers::workers())]
    workers: usize,
    /// Answer players who talk to NPCs with simulated tiers, as fast and as dear as the world declares them; nobody answers without.
    #[arg(long)]
    simulated_tiers: bool,
    /// Write the quests into this file, and stages, curves, personalities and simulated tiers beside it.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw curves and funnels into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Exit with 1 when something is wrong.
    #[arg(long)]
    deny_wrong: bool,
    /// Say who there is to play.
    #[arg(long)]
    personalities: bool,
}

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    if args.personalities {
        let lines = PERSONALITIES.iter().map(|of| format!("{:14} {}\n", of.name, of.about));
        return super::show(&lines.collect::<String>());
    }
    let world = match &args.world {
        Some(path) => LoadedWorld::open(path)?,
        None => LoadedWorld::greenvale()?,
    };
    let config = SimulateConfig {
        players: usize::try_from(args.players)?,
        days: args.days,
        seed: args.seed,
        mix: args.mix.clone(),
        starts_ms: args.at.as_millisecond(),
        workers: args.workers,
        simulated_tiers: args.simulated_tiers,
    };
    let bar = progress::simulating();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(simulate(&world, &config, |now_ms, of_ms| {
        bar.set_length(of_ms);
        bar.set_position(now_ms);
    }))?;
    bar.finish_and_clear();
    if let Some(path) = &args.csv {
        write_csv(path, &report)?;
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, chart(&report)).with_context(|| path.display().to_string())?;
    }
    super::show(&summary(&report))?;
    let wrong = report.findings.iter().any(|finding| finding.trouble.is_wrong());
    Ok(if wrong && args.deny_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `quests.csv`, `quests.stages.csv`, `quests.curves.csv`, `quests.personalities.csv`, and `quests.arcs.csv` and `quests.tiers.csv` where
/// there is something to say of them.
fn write_csv(path: &Path, report: &Report) -> anyhow::Result<()> {
    for (what, text) in csv(report) {
        let path = if what.is_empty() { path.to_owned() } else { path.with_extension(format!("{what}.csv")) };
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
