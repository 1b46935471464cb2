//! Writes what a replay came to: rows of views, changes, the summary.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value as Json};
use worldflow_engine::collector::Recorder;
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_schemas::Row;
use worldflow_schemas::catalog::ViewId;

/// The folder of a dump cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}\nhint: check the folder given to --dump")]
pub struct DumpError {
    path: PathBuf,
    error: std::io::Error,
}

fn create(folder: &Path, name: &str) -> Result<(PathBuf, BufWriter<File>), DumpError> {
    let path = folder.join(name);
    let file = std::fs::create_dir_all(folder).and_then(|()| File::create(&path));
    match file {
        Ok(file) => Ok((path, BufWriter::with_capacity(1 << 18, file))),
        Err(error) => Err(DumpError { path, error }),
    }
}

/// A row as an object, by the names of its columns.
fn object(view: ViewId, row: &Row) -> Json {
    let columns = view.def().columns.iter().zip(row.iter());
    Json::Object(
        columns.map(|(column, value)| (column.name.to_owned(), value.to_json())).collect::<Map<_, _>>(),
    )
}

/// Writes the rows of a view, sorted by key.
pub(super) fn view(folder: &Path, views: &ViewStore, view: ViewId) -> Result<(), DumpError> {
    let def = view.def();
    let (path, mut file) = create(folder, &format!("{}.ndjson", def.name))?;
    let mut rows: Vec<Row> = views.read(view).rows(&Filter::all()).cloned().collect();
    rows.sort_by(|a, b| {
        let pairs = a.key(def.key).iter().zip(b.key(def.key));
        let mut orders = pairs.map(|(a, b)| a.compare(b).unwrap_or_else(|| a.cmp(b)));
        orders.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    let written = rows.iter().try_for_each(|row| writeln!(file, "{}", object(view, row)));
    written.and_then(|()| file.flush()).map_err(|error| DumpError { path, error })
}

/// Writes every change as it is published: `{"tick", "view", "diff", "row"}`.
pub(super) fn changes(folder: &Path) -> Result<Recorder, DumpError> {
    let (path, mut file) = create(folder, "changes.ndjson")?;
    let mut failed = false;
    Ok(Box::new(move |tick, changes| {
        for (view, row, diff) in changes {
            let row = object(*view, row);
            let line = serde_json::json!({"tick": tick, "view": view.def().name, "diff": diff, "row": row});
            if let Err(error) = writeln!(file, "{line}")
                && !std::mem::replace(&mut failed, true)
            {
                tracing::error!(path = %path.display(), %error, "changes cannot be written");
            }
        }
    }))
}

/// Writes `summary.json`.
pub(super) fn summary(folder: &Path, summary: &impl Serialize) -> Result<(), DumpError> {
    let (path, mut file) = create(folder, "summary.json")?;
    let text = serde_json::to_string_pretty(summary).expect("a summary is plain data");
    writeln!(file, "{text}").and_then(|()| file.flush()).map_err(|error| DumpError { path, error })
}
