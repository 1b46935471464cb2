//! Pieces of base state as bytes: postcard of the key and of the value.
//!
//! Ids are written as text, so a piece means the same in every process.

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
    let checked = "the engine checks a snapshot's sums before it gives pieces back";
    (postcard::from_bytes(&row.key).expect(checked), postcard::from_bytes(&row.value).expect(checked))
}

/// The key of a piece given back, whatever its value is.
pub(crate) fn key<K: DeserializeOwned>(row: &BaseRow) -> K {
    postcard::from_bytes(&row.key).expect("the engine checks a snapshot's sums before it gives pieces back")
}

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data in memory can always be written")
}
