//! The command line: one file a verb, each with its arguments and what it does.
//!
//! A verb is added by its file, its variant in [`Verb`] and its arm in [`Verb::run`].

mod apply;
mod backup;
mod bots;
mod check;
mod convert;
mod demo;
mod doctor;
mod explain;
mod explain_view;
mod forget;
mod graph;
mod keys;
mod limits;
mod log;
mod lore;
mod new;
mod numbers;
mod plan;
mod progress;
mod prompt;
mod quest_page;
mod reask;
mod replay;
mod restore;
mod run;
pub mod schema;
mod server;
mod simulate;
mod test;
mod text;
mod tiers;
mod views;
mod weather;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::terminal::{json, shown};

/// A game world's clock, weather, players, quests and NPCs as one live dataflow.
#[derive(Debug, Parser)]
#[command(
    name = "worldflow",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
A world is a folder: world.yaml names seed, clock, zones, kinds of events, facts and sinks; quests/,
climates/, npcs.yaml, entities.yaml and schedules.yaml lie beside it.

  worldflow                      the demo world Greenvale, with bots
  worldflow new world my_world   a world to begin with
  worldflow run my_world         serves a world
  worldflow check my_world       every problem at once, with file, line and a hint
  worldflow test my_world        its scenarios: what happens, and what is to come of it
  worldflow explain --help       why a quest stands where it stands
  worldflow prompt --help        what a model would be asked if a player addressed an NPC
  worldflow reask --help         what a tier answers now to what was asked before
  worldflow graph my_world       what leads to what, as a picture
  worldflow simulate my_world    simulated players for days: which quests they finish, and which nobody can
  worldflow views                what can be subscribed to
  worldflow schema --dir schemas what editors need to complete and check the YAML
  RUST_LOG=worldflow=debug       more of what happens, on any verb"
)]
struct Cli {
    /// How logs, and the error at the end, are written.
    #[arg(long, global = true, value_enum, default_value_t = log::LogFormat::Text)]
    log_format: log::LogFormat,
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    demo: demo::DemoArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Check(check::CheckArgs),
    Bots(bots::BotsArgs),
    Replay(replay::ReplayArgs),
    Doctor(doctor::DoctorArgs),
    Explain(explain::ExplainArgs),
    ExplainView(explain_view::ExplainViewArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Convert(convert::ConvertArgs),
    Forget(forget::ForgetArgs),
    Graph(graph::GraphArgs),
    Lore(lore::LoreArgs),
    Plan(plan::PlanArgs),
    Prompt(prompt::PromptArgs),
    Reask(Box<reask::ReaskArgs>),
    Apply(apply::ApplyArgs),
    Views(views::ViewsArgs),
    Schema(schema::SchemaArgs),
    Test(test::TestArgs),
    Text(text::TextArgs),
    Simulate(simulate::SimulateArgs),
    New(new::NewArgs),
    Weather(weather::WeatherArgs),
}

impl Verb {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Verb::Run(args) => run::run(args),
            Verb::Demo(args) => demo::run(args),
            Verb::Check(args) => check::run(&args),
            Verb::Bots(args) => bots::run(args),
            Verb::Replay(args) => replay::run(args),
            Verb::Doctor(args) => doctor::run(&args),
            Verb::Explain(args) => explain::run(&args),
            Verb::ExplainView(args) => explain_view::run(&args),
            Verb::Backup(args) => backup::run(&args),
            Verb::Restore(args) => restore::run(&args),
            Verb::Convert(args) => convert::run(&args),
            Verb::Forget(args) => forget::run(args),
            Verb::Graph(args) => graph::run(&args),
            Verb::Lore(args) => lore::run(&args),
            Verb::Plan(args) => plan::run(&args),
            Verb::Prompt(args) => prompt::run(args),
            Verb::Reask(args) => reask::run(*args),
            Verb::Apply(args) => apply::run(&args),
            Verb::Views(args) => views::run(&args),
            Verb::Schema(args) => schema::run(&args),
            Verb::Test(args) => test::run(&args),
            Verb::Text(args) => text::run(&args),
            Verb::Simulate(args) => simulate::run(&args),
            Verb::New(args) => new::run(&args),
            Verb::Weather(args) => weather::run(&args),
        }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(log_format_last(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(usage) => return refuse(&usage),
    };
    // Scenarios, plans, explanations and simulations open and end realms of their own, and say themselves what came of it.
    let quiet = matches!(
        cli.verb,
        Some(Verb::Test(_) | Verb::Plan(_) | Verb::Explain(_) | Verb::Simulate(_) | Verb::Reask(_))
    );
    let level = if quiet { "warn" } else { "info" };
    log::init(cli.log_format, level);
    let result = match cli.verb {
        Some(verb) => verb.run(),
        None => demo::run(cli.demo),
    };
    result.unwrap_or_else(|error| {
        log::error(cli.log_format, &format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Options of the demo stand where no verb is, and clap takes `--log-format` in front of a verb for one of
/// them: it is moved behind.
fn log_format_last(mut args: Vec<OsString>) -> Vec<OsString> {
    let leading = match args.get(1).and_then(|arg| arg.to_str()) {
        Some("--log-format") => 2,
        Some(arg) if arg.starts_with("--log-format=") => 1,
        _ => 0,
    };
    if args.len() > 1 + leading {
        args[1..].rotate_left(leading);
    }
    args
}

/// Says what is wrong with the arguments, or shows the help that they ask for.
fn refuse(usage: &clap::Error) -> ExitCode {
    if usage.use_stderr() && asks_for_json(std::env::args_os()) {
        log::init(log::LogFormat::Json, "info");
        log::error(log::LogFormat::Json, usage.to_string().trim_start_matches("error: ").trim_end());
    } else {
        // Whoever has closed the output does not want to read it.
        let _ = usage.print();
    }
    ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2))
}

/// Whether arguments that cannot be parsed as a whole ask for JSON.
fn asks_for_json(args: impl Iterator<Item = OsString>) -> bool {
    let args: Vec<OsString> = args.collect();
    args.iter().any(|arg| arg == "--log-format=json")
        || args.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json")
}

/// Writes what was asked for, for people: what definitions and players call things cannot steer their terminal.
fn show(text: &str) -> anyhow::Result<ExitCode> {
    written(&shown(text))
}

/// Writes JSON.
fn show_json(value: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    written(&format!("{}\n", json(value)?))
}

/// Writes what would be the content of a file: to a terminal as for people, and to anything else as it is.
fn show_file(text: &str) -> anyhow::Result<ExitCode> {
    if std::io::stdout().is_terminal() { show(text) } else { written(text) }
}

/// A reader that closes the pipe early, such as `head`, is no error.
fn written(text: &str) -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The commands of a text: lines that begin with `worldflow`, with what is indented under them.
    fn commands(text: &str) -> Vec<String> {
        let mut commands: Vec<(usize, String)> = Vec::new();
        let mut goes_on = false;
        for line in text.lines() {
            let line = line.strip_prefix('#').unwrap_or(line);
            let indent = line.len() - line.trim_start().len();
            let words = line.trim().trim_end_matches('\\');
            let under = commands.last().is_some_and(|(above, _)| indent > *above);
            if words.starts_with("worldflow ") {
                commands.push((indent, words.to_owned()));
                goes_on = true;
            } else if goes_on && under && !words.is_empty() {
                let (_, command) = commands.last_mut().expect("something is above");
                command.push(' ');
                command.push_str(words);
            } else {
                goes_on = false;
            }
        }
        commands.into_iter().map(|(_, command)| command).collect()
    }

    fn assert_parses(command: &str) {
        // What stands behind two spaces or a `#` explains the command.
        let command = command.split("  ").next().unwrap_or_default();
        let command = command.split(" # ").next().unwrap_or_default();
        // What stands in quotation marks is one word.
        let quoted = command.split('"').enumerate();
        let words = quoted.flat_map(|(n, part)| match n % 2 {
            0 => part.split_whitespace().collect::<Vec<_>>(),
            _ => vec![part],
        });
        let parsed = Cli::try_parse_from(words);
        assert!(
            parsed.is_ok(),
            "{command}: {}",
            parsed.err().map(|error| error.to_string()).unwrap_or_default()
        );
    }

    #[test]
    fn the_log_format_stands_before_or_behind_a_verb() {
        for command in [
            "worldflow --log-format json check world",
            "worldflow --log-format=json check world",
            "worldflow check --log-format json world",
            "worldflow --log-format json",
            "worldflow --log-format json --port 0",
        ] {
            let args = command.split_whitespace().map(OsString::from).collect();
            let parsed = Cli::try_parse_from(log_format_last(args)).expect(command);
            assert_eq!(parsed.log_format, log::LogFormat::Json, "{command}");
            assert_eq!(parsed.verb.is_some(), command.contains("check"), "{command}");
        }
        let misplaced = "worldflow --port 0 check world".split_whitespace().map(OsString::from).collect();
        assert!(Cli::try_parse_from(log_format_last(misplaced)).is_err());
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn documented_commands_parse() {
        let skirmish = include_str!("../../worlds/skirmish/world.yaml");
        let documented = commands(skirmish);
        assert_eq!(documented.len(), 1, "{documented:?}");
        assert!(documented[0].ends_with("--dump out"), "{documented:?}");
        let recordings = commands(include_str!("../../../docs/recordings.md"));
        assert!(recordings.len() > 2, "{recordings:?}");
        let simulated = commands(include_str!("../../../docs/simulate.md"));
        assert!(simulated.len() > 1, "{simulated:?}");
        for command in documented.iter().chain(&recordings).chain(&simulated) {
            assert_parses(command);
        }
    }

    #[test]
    fn examples_of_the_verbs_parse() {
        let mut seen = 0;
        for verb in Cli::command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            for command in help.lines().map(str::trim).filter(|line| line.starts_with("worldflow ")) {
                assert_parses(command);
                seen += 1;
            }
        }
        assert!(seen > 10, "only {seen} examples");
    }
}
