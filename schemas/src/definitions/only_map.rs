//! Structs within untagged enums that are read from a map only.
//!
//! Serde reads a struct from a list too, the items in the order of the fields. Where a list is something else, or a mistake, that
//! must not happen: `level: [3]` is no `{at_least: 3}`.

use serde::Deserialize as _;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::{Map, Value};

/// For `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is no map, or not one of a `T`.
pub fn only_map<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let map = Map::<String, Value>::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(map)).map_err(<D::Error as Error>::custom)
}

#[cfg(test)]
mod tests {
    use crate::definitions::{Test, TestRange};

    #[test]
    fn a_list_is_no_comparison_with_bounds() {
        let read = |json: &str| serde_json::from_str::<Test>(json).expect("a test");
        assert_eq!(read("[3]"), Test::Is(serde_json::json!([3])));
        let range = TestRange { at_least: Some(3.into()), ..TestRange::default() };
        assert_eq!(read(r#"{"at_least": 3}"#), Test::Range(range));
    }
}
