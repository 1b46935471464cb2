//! `worldflow weather`: what weather a world has in a year, and climates from observations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use worldflow_operators::clock::parse_moment;

use crate::almanac::{self, Observations, ObservedDef, Zone, chart, fit, read_observations, summary};
use crate::world::{LoadedWorld, read_definition};

/// Show the weather of a simulated year, or make a climate from recorded observations
///
/// A year is that of the world's calendar, from its first moment, with its own seed: the weather that a realm has when
/// nobody changes clock or weather.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow weather my_world                          shares and run lengths of each zone
  worldflow weather my_world --svg year.svg           and a chart
  worldflow weather --observed map.yaml --table nyc.csv.gz             of what was observed
  worldflow weather --observed map.yaml --table nyc.csv.gz --fit JFK   a climate that is like it, as YAML
  worldflow weather --observed map.yaml --table nyc.csv.gz --lines     a recording that plays it")]
pub(super) struct WeatherArgs {
    /// The world folder; the demo world when absent.
    #[arg(conflicts_with = "observed")]
    world: Option<PathBuf>,
    /// Only this zone; may be given several times.
    #[arg(long = "zone", value_name = "ZONE")]
    zones: Vec<String>,
    /// So many days instead of a year.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
    /// Another seed than the world's.
    #[arg(long)]
    seed: Option<u64>,
    /// Draw it into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// How a table of observations is read.
    #[arg(long, value_name = "MAP", requires = "table")]
    observed: Option<PathBuf>,
    /// The table: CSV, plain or in gzip.
    #[arg(long, value_name = "FILE", requires = "observed")]
    table: Option<PathBuf>,
    /// Print a climate that is like what was observed in this zone.
    #[arg(long, value_name = "ZONE", requires = "observed", conflicts_with = "lines")]
    fit: Option<String>,
    /// Print the observations as a recording that forces the weather.
    #[arg(long, requires = "observed")]
    lines: bool,
}

pub(super) fn run(args: &WeatherArgs) -> anyhow::Result<ExitCode> {
    let (title, zones, start_ms) = match (&args.observed, &args.table) {
        (Some(map), Some(table)) => {
            let observations = observations(map, table)?;
            if let Some(zone) = &args.fit {
                let fitted = fit(&observations, zone);
                let known = || observations.zones.keys().cloned().collect::<Vec<_>>().join(", ");
                let text = fitted.ok_or_else(|| {
                    anyhow::anyhow!("`{zone}` was not observed\nhint: there are {}", known())
                })?;
                return super::show(&text);
            }
            if args.lines {
                return super::show(&(observations.lines().join("\n") + "\n"));
            }
            (table.display().to_string(), observations.runs(), 0)
        }
        _ => simulated(args)?,
    };
    let zones = chosen(zones, &args.zones)?;
    if let Some(path) = &args.svg {
        std::fs::write(path, chart(&title, &zones, start_ms)).with_context(|| path.display().to_string())?;
    }
    super::show(&format!("{title}\n\n{}", summary(&zones)))
}

/// Title, weather, and the moment of world time at which it begins.
fn simulated(args: &WeatherArgs) -> anyhow::Result<(String, Vec<Zone>, i64)> {
    let world = match &args.world {
        Some(path) => LoadedWorld::open(path)?,
        None => LoadedWorld::greenvale()?,
    };
    let def = &world.world;
    let year: u32 = def.clock.calendar.months.iter().map(|month| month.days).sum();
    let days = args.days.unwrap_or(year);
    let seed = args.seed.unwrap_or(def.seed);
    let title = format!("{}: {days} days from day {}, seed {seed}", def.name, def.clock.start);
    let start_ms = parse_moment(&def.clock.start).unwrap_or(0);
    Ok((title, almanac::year(&world, days, Some(seed)), start_ms))
}

fn observations(map: &Path, table: &Path) -> anyhow::Result<Observations> {
    let def: ObservedDef = read_definition(map)?;
    let observations = read_observations(table, &def)?;
    anyhow::ensure!(
        !observations.zones.is_empty(),
        "{}: no hour is in any state\nhint: let the last of `states` have no tests",
        table.display()
    );
    if observations.without_state > 0 {
        tracing::warn!(
            hours = observations.without_state,
            "no state's tests hold; let the last of `states` have none"
        );
    }
    Ok(observations)
}

fn chosen(zones: Vec<Zone>, names: &[String]) -> anyhow::Result<Vec<Zone>> {
    let known: Vec<String> = zones.iter().map(|zone| zone.name.clone()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        anyhow::bail!("there is no zone `{name}`\nhint: there are {}", known.join(", "));
    }
    Ok(zones.into_iter().filter(|zone| names.is_empty() || names.contains(&zone.name)).collect())
}
