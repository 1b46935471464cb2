//! `worldflow new`: something to begin with, from a template with comments that fits the world it is put in.

mod names;
mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use self::names::Names;
use crate::scenario::{FOLDER, check_scenarios};
use crate::world::{Folder, LoadedWorld, Problems, Severity, Vocabulary, check};

/// Begin a world, or a file of one, from a template with comments
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow new world vale                a world with a quest and a test, in the folder vale
  worldflow new quest wolves --in vale    vale/quests/wolves.yaml
  worldflow new rule gossip --in vale     vale/rules/gossip.yaml
  worldflow new view standings --in vale  vale/views/standings.sql
  worldflow new test wolves --in vale     vale/tests/wolves.yaml")]
pub(super) struct NewArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A world: a folder of its name
    World {
        /// Its name, also the folder's.
        name: String,
        /// Where the folder goes.
        #[arg(long = "in", default_value = ".")]
        folder: PathBuf,
    },
    /// A quest
    Quest(Part),
    /// A rule
    Rule(Part),
    /// A view in SQL
    View(Part),
    /// A scenario
    Test(Part),
}

/// A file of a world.
#[derive(Debug, clap::Args)]
struct Part {
    /// Its id, also the file's name.
    id: String,
    /// The world's folder.
    #[arg(long = "in", default_value = ".")]
    folder: PathBuf,
}

macro_rules! templates {
    ($($path:literal from $template:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $template)))),*]
    };
}

/// The files of a world.
const WORLD: &[(&str, &str)] = templates![
    "world.yaml" from "world/world.yaml",
    "entities.yaml" from "world/entities.yaml",
    "climates/mild.yaml" from "world/climates/mild.yaml",
    "quests/first_hunt.yaml" from "quest.yaml",
    "tests/first.yaml" from "world/tests/first.yaml",
];
/// The quest of a new world.
const FIRST_QUEST: &str = "first_hunt";

/// A file of a world that can be begun.
struct Kind {
    /// What it holds.
    what: &'static str,
    folder: &'static str,
    ending: &'static str,
    template: &'static str,
}

const QUEST: Kind = Kind {
    what: "quest",
    folder: "quests",
    ending: "yaml",
    template: include_str!("../../templates/quest.yaml"),
};
const RULE: Kind = Kind {
    what: "rule",
    folder: "rules",
    ending: "yaml",
    template: include_str!("../../templates/rule.yaml"),
};
const VIEW: Kind =
    Kind { what: "view", folder: "views", ending: "sql", template: include_str!("../../templates/view.sql") };
const TEST: Kind = Kind {
    what: "test",
    folder: "tests",
    ending: "yaml",
    template: include_str!("../../templates/test.yaml"),
};

pub(super) fn run(args: &NewArgs) -> anyhow::Result<ExitCode> {
    let written = match &args.what {
        What::World { name, folder } => world(&folder.join(name), name)?,
        What::Quest(part) => begun(part, &QUEST)?,
        What::Rule(part) => begun(part, &RULE)?,
        What::View(part) => begun(part, &VIEW)?,
        What::Test(part) => begun(part, &TEST)?,
    };
    super::show(&written)
}

fn world(folder: &Path, name: &str) -> anyhow::Result<String> {
    check_id(name)?;
    anyhow::ensure!(
        !folder.exists(),
        "{} is there already\nhint: choose another name, or `worldflow new quest` to add to it",
        folder.display()
    );
    let names = names::of_new_world();
    let mut written = String::new();
    for (file, template) in WORLD {
        let id = if file.starts_with("quests/") { FIRST_QUEST } else { name };
        written.push_str(&write(&folder.join(file), &filled(template, id, &names))?);
    }
    let folder = folder.display();
    written.push_str(&format!(
        "\nnext: worldflow check {folder}\n      worldflow test {folder}\n      worldflow run {folder}\n"
    ));
    Ok(written)
}

fn begun(Part { id, folder: world }: &Part, kind: &Kind) -> anyhow::Result<String> {
    check_id(id)?;
    anyhow::ensure!(
        world.join("world.yaml").exists(),
        "{} is not a world folder: it has no world.yaml\nhint: name one with --in, or begin one with `worldflow new world`",
        world.display()
    );
    let name = format!("{}/{id}.{}", kind.folder, kind.ending);
    let file = world.join(&name);
    anyhow::ensure!(!file.exists(), "{} is there already\nhint: choose another id", file.display());
    let folder = Folder::read(world)?;
    // Its names come from what is there, which must be right for that.
    let loaded = LoadedWorld::load(&folder)?;
    let names = names::of_world(&loaded);
    let needs_deed = match kind.what {
        "rule" => !names.contains_key("fact"),
        kind => matches!(kind, "quest" | "test"),
    };
    anyhow::ensure!(
        names.contains_key("deed") || !needs_deed,
        "{} declares no kinds of events, and a {} is about some\nhint: add for example `kinds: {{kill: {{}}}}`",
        world.join("world.yaml").display(),
        kind.what
    );
    let text = filled(kind.template, id, &names);
    fits(folder, &name, &text)?;
    write(&file, &text)
}

/// That a world with this file is right; what is wrong with the file is said as `worldflow check` says it.
fn fits(mut folder: Folder, name: &str, text: &str) -> anyhow::Result<()> {
    let mut problems = if name.starts_with(FOLDER) {
        let mut problems = Problems::default();
        let file = Folder::of([(name, text)]);
        check_scenarios(&file, &Vocabulary::of(&folder), &mut problems);
        problems
    } else {
        folder.files.insert(name.to_owned(), text.as_bytes().to_vec());
        check(&folder)
    };
    problems.0.retain(|problem| problem.severity == Severity::Error);
    anyhow::ensure!(problems.0.is_empty(), "{problems}nothing is written: choose another id");
    Ok(())
}

/// The text of a template with an id and names.
fn filled(text: &str, id: &str, names: &Names) -> String {
    template::filled(text, |place| match place {
        "id" => Some(id),
        place => names.get(place).map(String::as_str),
    })
}

/// An id as it may stand in files and rows, and be the name of a file.
fn check_id(id: &str) -> anyhow::Result<()> {
    let starts = id.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    anyhow::ensure!(
        starts && plain && id.len() <= 63,
        "`{id}` is no id\nhint: write small letters, digits and `_`, a letter first, at most 63: `lost_flock`"
    );
    anyhow::ensure!(
        !names::is_yaml_word(id),
        "`{id}` is no id: YAML takes it for something else than a text\nhint: choose another: `{id}_`"
    );
    Ok(())
}

fn write(file: &Path, text: &str) -> anyhow::Result<String> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(file, text).with_context(|| file.display().to_string())?;
    Ok(format!("{}\n", file.display()))
}
