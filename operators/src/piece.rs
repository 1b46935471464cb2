//! Pieces of base state as bytes: postcard of the key and of the value.
//!
//! Ids are written as text, so a piece means the same in every process. A piece that has another form than it is read with is
//! no bug of the graph, but of another version of it.

use worldflow_schemas::Sym;
use worldflow_schemas::base::{BaseChange, BaseName, BaseRow};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The change of one piece.
pub(crate) fn change<K: Serialize, V: Serialize>(
    operator: BaseName,
    route: Sym,
    key: &K,
    value: Option<&V>,
) -> BaseChange {
    BaseChange { operator, route, key: bytes(key).into(), value: value.map(|value| bytes(value).into()) }
}

/// A piece given back.
pub(crate) fn read<K: DeserializeOwned, V: DeserializeOwned>(row: &BaseRow) -> (K, V) {
    (part(row, &row.key), part(row, &row.value))
}

/// The key of a piece given back, whatever its value is.
pub(crate) fn key<K: DeserializeOwned>(row: &BaseRow) -> K {
    part(row, &row.key)
}

/// The engine has checked the sums, so what cannot be read was written by a version with another form. A worker can only give
/// up then; by these first words the engine knows why, and refuses to open the realm.
fn part<T: DeserializeOwned>(row: &BaseRow, bytes: &[u8]) -> T {
    postcard::from_bytes(bytes)
        .unwrap_or_else(|error| panic!("base state cannot be read: a piece of `{}`: {error}", row.operator))
}

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data in memory can always be written")
}
