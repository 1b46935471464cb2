//! Lore: documents, who knows them, and how they are searched.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use worldflow_operators::lore::chunks;
use worldflow_schemas::definitions::{EmbedderDef, OnnxDef};

use super::{Checker, MAX_ID, Sort};
use crate::secrets::is_reference;
use crate::world::lore::{SHARED, shared_name};
use crate::world::spot::Spot;

/// The most names that the head of a document may list of a kind.
const MOST_NAMES: usize = 64;

/// How many tokens of a text may count in a model, at least and at most.
const TOKENS: RangeInclusive<u32> = 16..=8_192;

/// The most threads that a model may be run on.
const MOST_THREADS: u32 = 64;

impl Checker<'_> {
    pub(super) fn check_lore(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.lore {
            let (document, spot) = (&placed.definition, placed.spot);
            let fits =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-' | '/');
            self.check_name(
                "document",
                id,
                spot,
                fits,
                "call files by lower-case letters, digits, `_`, `.` and `-`",
            );
            if chunks(&document.text).is_empty() {
                self.warn(
                    spot,
                    "this document says nothing",
                    "write something under its headings, or remove it",
                );
            }
            self.check_listed("topics", &document.topics, spot);
            let known_by = document.known_by.as_deref().unwrap_or_default();
            self.check_listed("known_by", known_by, spot);
            for (index, name) in known_by.iter().enumerate() {
                self.known(Sort::Target, name, spot.key("known_by").item(index));
            }
            let locale = document.locale.as_deref().unwrap_or("en");
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if locale.is_empty() || locale.len() > 35 || !locale.chars().all(fits) {
                let hint = "write for example `en` or `pt-BR`";
                self.error(spot.key("locale"), format!("`{locale}` names no language"), hint);
            }
        }
        self.check_lore_index();
    }

    fn check_listed(&mut self, key: &str, names: &[String], spot: Spot<'_>) {
        if names.len() > MOST_NAMES {
            self.error(
                spot.key(key),
                format!("`{key}` lists more than {MOST_NAMES} names"),
                "name what they have in common",
            );
        }
        for (index, name) in names.iter().enumerate() {
            if name.trim().is_empty() || name.len() > MAX_ID {
                let hint = format!("a name has 1 to {MAX_ID} bytes");
                self.error(spot.key(key).item(index), format!("`{key}` lists what is no name"), hint);
            }
        }
    }

    /// What is not there is no error: the world runs without it, and it may be there where the world is run.
    fn check_onnx(&mut self, def: &OnnxDef, spot: Spot<'_>) {
        let paths = [("model", Some(&def.model)), ("tokenizer", Some(&def.tokenizer))];
        for (key, path) in paths.into_iter().chain([("library", def.library.as_ref())]) {
            let Some(path) = path else { continue };
            let spot = spot.key(key);
            if path.trim().is_empty() {
                self.error(spot, format!("`{key}` is no path"), "a path is relative to the world's folder");
            } else if !is_reference(path)
                && let Some(folder) = &self.folder.path
                && !folder.join(path).is_file()
            {
                let hint = "a path is relative to the world's folder; until the file is there, lore is searched \
                            by words";
                self.warn(spot, format!("there is no file `{path}`"), hint);
            }
        }
        if !TOKENS.contains(&def.most_tokens) {
            let hint = format!("it may be {} to {}", TOKENS.start(), TOKENS.end());
            self.error(
                spot.key("most_tokens"),
                format!("a text cannot have {} tokens", def.most_tokens),
                hint,
            );
        }
        if !(1..=MOST_THREADS).contains(&def.threads) {
            let hint = format!("it may be 1 to {MOST_THREADS}");
            self.error(
                spot.key("threads"),
                format!("a model cannot be run on {} threads", def.threads),
                hint,
            );
        }
    }

    fn check_lore_index(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let (index, spot) = (&world.definition.lore, world.spot.key("lore"));
        match &index.embedder {
            EmbedderDef::Lexical => {}
            EmbedderDef::Tier(tier) => {
                self.known(Sort::Tier, tier, spot.key("embedder").key("tier"));
            }
            EmbedderDef::Onnx(def) => self.check_onnx(def, spot.key("embedder").key("onnx")),
        }
        let mut names = BTreeSet::new();
        for (number, place) in index.shared.iter().enumerate() {
            let spot = spot.key("shared").item(number);
            let Some(name) = shared_name(place).filter(|_| !place.starts_with('/')) else {
                let hint = "write where it lies from here, such as `../lore/old_kingdom`";
                self.error(spot, format!("`{place}` is no folder beside the world"), hint);
                continue;
            };
            if !names.insert(name) {
                let hint = "its documents are called by the last part of its path: rename one of the folders";
                self.error(spot, format!("two shared folders are called `{name}`"), hint);
            }
            let prefix = format!("{SHARED}/{name}/");
            if !self.folder.files.keys().any(|file| file.starts_with(&prefix)) {
                let hint = "a path is relative to the world's folder; documents end in `.md`";
                self.error(spot, format!("there are no documents in `{place}`"), hint);
            }
        }
    }
}
