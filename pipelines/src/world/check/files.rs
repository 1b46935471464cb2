//! Files of a world that nothing reads: warnings, for what is written there is as if it were not.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::{EmbedderDef, SourceDef};

use super::Checker;
use crate::world::folder::{FOLDERS, Folder, LORE, TESTS, VIEWS};
use crate::world::lore::SHARED;
use crate::world::problem::{Problem, Severity, hint};
use crate::world::yarn::DIALOGUE;

const FILES: [&str; 11] = [
    "world",
    "arcs",
    "behaviours",
    "climates",
    "entities",
    "npcs",
    "quests",
    "rules",
    "schedules",
    "stories",
    "templates",
];

/// Whether a folder of this name is read.
fn is_folder(name: &str) -> bool {
    FOLDERS.contains(&name) || [VIEWS, TESTS, LORE, DIALOGUE, SHARED].contains(&name)
}

/// Whether a file lies in a folder that is read, and is of its kind.
fn has_place(file: &str) -> bool {
    let folder = file.split_once('/').map(|(folder, _)| folder);
    let is_yaml = file.ends_with(".yaml") || file.ends_with(".yml");
    folder.is_some()
        && (Folder::has_place_for(file)
            || (folder == Some(VIEWS) && file.ends_with(".sql"))
            || (folder == Some(TESTS) && is_yaml))
}

/// What to do with a file that nothing reads, so that it is.
fn how_to_be_read(file: &str) -> String {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let views = file.starts_with("views/");
    let lower = extension.to_ascii_lowercase();
    match lower.as_str() {
        "sql" if folder.is_empty() || !views => {
            format!("views in SQL are read in `views/`: move it to `views/{stem}.sql`")
        }
        "sql" => format!("call it `{stem}.sql`: the ending is written small"),
        "md" => format!("call it `{stem}.md`: the ending is written small"),
        "yarn" if lower == extension => {
            format!("dialogue is read in `dialogue/`: move it to `dialogue/{stem}.yarn`")
        }
        "yarn" => format!("call it `{stem}.yarn`: the ending is written small"),
        _ if file.starts_with("dialogue/") => "dialogue is written in Yarn: `dialogue/*.yarn`".to_owned(),
        _ if file.starts_with("lore/") => "lore is written in Markdown: `lore/*.md`".to_owned(),
        "yaml" | "yml" if views => "views are written in SQL: `views/*.sql`".to_owned(),
        "json" => format!("files of a world are YAML, of which JSON is a part: call it `{stem}.yaml`"),
        "yaml" | "yml" if lower != extension => format!("call it `{stem}.yaml`: the ending is written small"),
        _ => hint(
            stem,
            FILES,
            "a world is world.yaml with arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, text and views beside it",
        ),
    }
}

impl Checker<'_> {
    pub(super) fn check_files(&mut self) {
        // What the world file names as mappings and as a tokenizer.
        let mut used = BTreeSet::new();
        let world = self.definitions.world.as_ref();
        for source in world.iter().flat_map(|world| world.definition.sources.values()) {
            let (SourceDef::Recording { map, .. } | SourceDef::Kinesis { map, .. }) = source;
            used.extend(map.as_deref());
        }
        if let Some(EmbedderDef::Onnx(def)) = world.map(|world| &world.definition.lore.embedder) {
            used.insert(&def.tokenizer);
        }
        let named = |file: &str| {
            let stem = file.trim_end_matches(".yaml").trim_end_matches(".yml");
            let is_map = stem.ends_with("map") || stem.ends_with("mapping");
            used.contains(file) || FILES.contains(&stem) || is_map
        };
        let folder = self.folder;
        let strays = folder.files.keys().filter(|file| !has_place(file)).chain(&folder.unread);
        let strays: BTreeSet<&str> = strays.map(String::as_str).filter(|file| !named(file)).collect();
        let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for file in strays {
            match file.split_once('/').filter(|(folder, _)| !is_folder(folder)) {
                Some((folder, _)) => folders.entry(folder).or_default().push(file),
                None => self.unread(file, "nothing reads this file".to_owned(), how_to_be_read(file)),
            }
        }
        for (folder, files) in folders {
            let more = match files.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            let known = FOLDERS.into_iter().chain([VIEWS, TESTS, LORE, DIALOGUE]);
            let hint = hint(
                folder,
                known,
                "a world's folders are arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, tests, text and views",
            );
            let message = format!("nothing reads the folder `{folder}/`: {}{more}", files[0]);
            self.unread(files[0], message, hint);
        }
        if world.is_none() && !self.problems.0.iter().any(|problem| problem.file == "world.yaml") {
            self.problems.0.push(Problem {
                severity: Severity::Error,
                file: "world.yaml".to_owned(),
                place: None,
                message: "this file is missing or empty".to_owned(),
                hint: Some("a world needs at least `name:` and `seed:`".to_owned()),
                snippet: None,
            });
        }
    }

    fn unread(&mut self, file: &str, message: String, hint: String) {
        self.problems.0.push(Problem {
            severity: Severity::Warning,
            file: file.to_owned(),
            place: None,
            message,
            hint: Some(hint),
            snippet: None,
        });
    }
}
