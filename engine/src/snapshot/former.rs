//! The former form of snapshots, version 3: all pieces and ids in one protobuf file beside its manifest.
//!
//! It is read, and never written: the first snapshot after it is one run with every piece.

use std::path::Path;

use prost::Message;
use serde::Deserialize;
use worldflow_schemas::base::BaseRow;
use worldflow_schemas::{Sym, Tick};

use super::Snapshot;
use crate::disk::SharedDisk;

/// The version of this form.
pub(super) const VERSION: u64 = 3;

#[derive(Clone, PartialEq, Message)]
struct SnapshotFile {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint64, tag = "2")]
    tick: Tick,
    #[prost(message, repeated, tag = "3")]
    pieces: Vec<Piece>,
    #[prost(bytes = "vec", tag = "4")]
    dedupe: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, tag = "1")]
    operator: String,
    #[prost(string, tag = "2")]
    route: String,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    value: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    bytes: usize,
    crc32: u32,
}

/// The extension of the files.
pub(super) const SNAPSHOT: &str = "snapshot";

/// Reads the snapshot that a manifest of this form names.
pub(super) fn read(disk: &SharedDisk, path: &Path, manifest: serde_json::Value) -> Result<Snapshot, String> {
    let said: Manifest = serde_json::from_value(manifest).map_err(|error| error.to_string())?;
    let bytes = disk.read(&path.with_extension(SNAPSHOT)).map_err(|error| error.to_string())?;
    if bytes.len() != said.bytes || crc32fast::hash(&bytes) != said.crc32 {
        return Err("its length or checksum is not what its manifest says".to_owned());
    }
    let file = SnapshotFile::decode(&*bytes).map_err(|error| error.to_string())?;
    let rows = (file.pieces.into_iter())
        .map(|piece| {
            let route = Sym::try_new(&piece.route).ok_or("the table of ids is full")?;
            Ok(BaseRow {
                operator: piece.operator.into(),
                route,
                key: piece.key.into(),
                value: piece.value.into(),
            })
        })
        .collect::<Result<_, String>>()?;
    let dedupe = postcard::from_bytes(&file.dedupe).map_err(|error| error.to_string())?;
    Ok(Snapshot { tick: file.tick, rows, dedupe, ..Snapshot::default() })
}
