//! A changed row on its way to those who see it: what it costs to hold, its hash and its bytes, each
//! worked out once for all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Row, Value, proto_rows, wire_hash};

use super::frames;

/// What the sockets have done since they were opened.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Sessions that were woken because something waits for them.
    pub(super) wakes: AtomicU64,
    /// Changes handed to sessions, each counted for each.
    pub(super) handed: AtomicU64,
    /// Changed rows that were written as bytes.
    pub(super) encoded: AtomicU64,
    /// Rows that were hashed.
    pub(super) hashed: AtomicU64,
    /// Frames that were written.
    pub(super) frames: AtomicU64,
    /// Times that what was written was given to the system.
    pub(super) flushes: AtomicU64,
}

impl Work {
    pub(super) fn count(of: &AtomicU64, n: usize) {
        of.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// A row that was added or is gone.
#[derive(Debug)]
pub(super) struct Shown {
    view: ViewId,
    row: Row,
    bytes: usize,
    hash: OnceLock<u64>,
    json: OnceLock<Box<str>>,
    protobuf: OnceLock<Box<[u8]>>,
}

impl Shown {
    pub(super) fn new(view: ViewId, row: Row) -> Arc<Shown> {
        // When several see it its bytes are kept with it, and each of them counts all of this.
        let bytes = size_of::<Shown>() + held_bytes(&row);
        let (hash, json, protobuf) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Arc::new(Shown { view, row, bytes, hash, json, protobuf })
    }

    pub(super) fn row(&self) -> &Row {
        &self.row
    }

    /// What it takes of memory while it waits.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its term of running hashes.
    pub(super) fn hash(&self, work: &Work) -> u64 {
        *self.hash.get_or_init(|| {
            Work::count(&work.hashed, 1);
            wire_hash::row_hash(self.view, &self.row)
        })
    }

    /// Whether its bytes are worth keeping: others write it too, or have.
    pub(super) fn is_shared(self: &Arc<Shown>) -> bool {
        Arc::strong_count(self) > 1 || self.json.get().is_some() || self.protobuf.get().is_some()
    }

    /// The whole row in JSON.
    pub(super) fn json(&self, work: &Work) -> &str {
        self.json.get_or_init(|| {
            Work::count(&work.encoded, 1);
            let mut out = String::with_capacity(128);
            frames::push_row(&mut out, self.view, &self.row, self.row.len());
            out.into()
        })
    }

    /// The whole row as a message.
    pub(super) fn protobuf(&self, work: &Work) -> &[u8] {
        self.protobuf.get_or_init(|| {
            Work::count(&work.encoded, 1);
            let mut out = Vec::with_capacity(64);
            proto_rows::encode_row(self.view, &self.row, self.row.len(), &mut out);
            out.into()
        })
    }
}

/// What a row takes of memory, about as much as on the wire.
pub(super) fn held_bytes(row: &Row) -> usize {
    let text = |value: &Value| match value {
        Value::Text(text) => text.len() + 2 * size_of::<usize>(),
        _ => 0,
    };
    2 * size_of::<u128>() + row.iter().map(|value| size_of::<Value>() + text(value)).sum::<usize>()
}
