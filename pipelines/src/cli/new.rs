//! `worldflow new`: something to begin with, from a template with comments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

/// Begin a world, or a file of one, from a template with comments
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow new world vale                a world with a quest and a test, in the folder vale
  worldflow new quest wolves --in vale    vale/quests/wolves.yaml
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
const QUEST: (&str, &str) = ("quests", include_str!("../../templates/quest.yaml"));
const TEST: (&str, &str) = ("tests", include_str!("../../templates/test.yaml"));

/// Where a template says what is to stand there.
const ID: &str = "{{id}}";

pub(super) fn run(args: &NewArgs) -> anyhow::Result<ExitCode> {
    let written = match &args.what {
        What::World { name, folder } => world(&folder.join(name), name)?,
        What::Quest(part) => self::part(part, QUEST)?,
        What::Test(part) => self::part(part, TEST)?,
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
    let mut written = String::new();
    for (file, template) in WORLD {
        let id = if file.starts_with("quests/") { FIRST_QUEST } else { name };
        written.push_str(&write(&folder.join(file), &template.replace(ID, id))?);
    }
    let folder = folder.display();
    written.push_str(&format!(
        "\nnext: worldflow check {folder}\n      worldflow test {folder}\n      worldflow run {folder}\n"
    ));
    Ok(written)
}

fn part(part: &Part, (folder, template): (&str, &str)) -> anyhow::Result<String> {
    let Part { id, folder: world } = part;
    check_id(id)?;
    anyhow::ensure!(
        world.join("world.yaml").exists(),
        "{} is not a world folder: it has no world.yaml\nhint: name one with --in, or begin one with `worldflow new world`",
        world.display()
    );
    let file = world.join(folder).join(format!("{id}.yaml"));
    anyhow::ensure!(!file.exists(), "{} is there already\nhint: choose another id", file.display());
    write(&file, &template.replace(ID, id))
}

/// An id as it may stand in files and rows, and be the name of a file.
fn check_id(id: &str) -> anyhow::Result<()> {
    let starts = id.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    anyhow::ensure!(
        starts && plain && id.len() <= 63,
        "`{id}` is no id\nhint: write small letters, digits and `_`, a letter first, at most 63: `lost_flock`"
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
