//! `run --watch`: edits a realm as the files of its world are saved.
//!
//! The folder is looked at twice a second, and taken when it has been the same twice: a file that is still being
//! written, or one of several that belong together, is not seen alone. A world with errors changes nothing, nor does one whose
//! scenarios have any.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::{info, warn};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog;
use xxhash_rust::xxh3::Xxh3;

use super::{Applied, Editing};
use crate::columns::Columns;
use crate::scenario::WholeFolder;

/// How often the folder is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A folder that is watched, until it is dropped.
#[derive(Debug)]
pub struct Watching(JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches the folder of a realm's world. `told` hears what became of each change, in words.
#[must_use]
pub fn watch(editing: Editing, path: PathBuf, told: impl Fn(String) + Send + 'static) -> Watching {
    Watching(tokio::spawn(watching(editing, path, told)))
}

async fn watching(editing: Editing, path: PathBuf, told: impl Fn(String) + Send + 'static) {
    let mut every = tokio::time::interval(EVERY);
    let (mut done, mut last) = (None, None);
    // The world that was applied last: who saves scenarios alone edits nothing.
    let mut applied = None;
    // The revision up to which the folder says what there is.
    let mut known = newest(editing.realm()).map_or(0, |(revision, _)| revision);
    loop {
        every.tick().await;
        let at = path.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || WholeFolder::read(&at)).await else { return };
        // A folder that cannot be read is being changed, or said by whoever cannot.
        let Ok(folder) = read else { continue };
        let now = Some(fingerprint(folder.files()));
        let of_world = Some(fingerprint(folder.world.files.iter()));
        let settled = now == last;
        last = now;
        if !settled || now == done {
            continue;
        }
        let first = done.is_none();
        done = now;
        let loaded = tokio::task::spawn_blocking(move || folder.load()).await;
        let name = editing.realm().name;
        match loaded {
            Ok(Ok(_)) if of_world == applied => {}
            Ok(Ok(world)) => {
                let warnings = world.warnings.to_string();
                let others = newest(editing.realm()).filter(|(revision, _)| *revision > known);
                let answer = editing.apply(world, "watch", None).await;
                if answer.is_ok() {
                    applied = of_world;
                }
                match answer {
                    Ok(Applied { tick: None, edits: 0, .. }) if first => {}
                    Ok(Applied { revision, tick, edits }) => {
                        known = revision;
                        if let Some((revision, author)) = others.filter(|_| edits > 0) {
                            warn!(
                                realm = name.as_str(),
                                revision, "what was applied is not in the folder, and is undone"
                            );
                            told(format!(
                                "realm {name}: what revision {revision} by {author} has changed is taken back where the folder lacks it"
                            ));
                        }
                        info!(realm = name.as_str(), revision, edits, "the world has been edited");
                        let without = if edits == 0 { "nothing differs" } else { "texts alone, at once" };
                        let from = tick.map_or(without.to_owned(), |tick| format!("from tick {tick}"));
                        told(
                            format!(
                                "realm {name}: revision {revision}, {edits} definitions, {from}\n{warnings}"
                            )
                            .trim_end()
                            .to_owned(),
                        );
                    }
                    Err(refused) => {
                        warn!(
                            realm = name.as_str(),
                            code = refused.code(),
                            "an edit is not taken: {refused}"
                        );
                        told(format!(
                            "realm {name}: nothing is changed: {refused}\nhint: {}",
                            refused.hint()
                        ));
                    }
                }
            }
            Ok(Err(error)) => {
                warn!(realm = name.as_str(), "an edit is not taken: the world has errors");
                told(format!("realm {name}: nothing is changed\n{error}"));
            }
            Err(_) => return,
        }
    }
}

/// The last revision of a realm, and who made it.
fn newest(realm: &Realm) -> Option<(u64, String)> {
    let view = Columns(catalog::REVISIONS);
    let (rows, all) = (realm.views.read(catalog::REVISIONS), Filter::all());
    let revisions =
        rows.rows(&all).map(|row| (view.count(row, "revision"), view.value(row, "author").to_string()));
    revisions.max()
}

fn fingerprint<'f>(files: impl Iterator<Item = (&'f String, &'f Vec<u8>)>) -> u128 {
    let mut hash = Xxh3::new();
    for (path, bytes) in files {
        hash.update(path.as_bytes());
        hash.update(&[0]);
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.digest128()
}
