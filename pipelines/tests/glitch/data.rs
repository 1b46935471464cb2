//! The data, and an account of what was read of it: a field that nobody asks for is a field dropped.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Where the data lies, which is no part of the project.
fn path(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = std::env::var_os("WORLDFLOW_SHARED").unwrap_or_else(|| "../shared".into());
    let path = root.join(shared).join("data").join(name);
    assert!(
        path.exists(),
        "{} is missing\nhint: set WORLDFLOW_SHARED to the folder that has data/{name}",
        path.display()
    );
    path
}

/// The rows of a file.
pub(crate) fn rows(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path(name)).expect("the data can be read");
    serde_json::from_str(&text).expect("the data is a list")
}

/// What was read: how often each field was there, and which were there and were not read.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) fields: RefCell<BTreeMap<String, u64>>,
    pub(crate) unread: RefCell<BTreeSet<String>>,
}

/// An object, whose fields are taken by name.
pub(crate) struct Object<'d> {
    path: String,
    map: &'d Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
    account: &'d Account,
}

impl<'d> Object<'d> {
    pub(crate) fn new(path: &str, value: &'d Value, account: &'d Account) -> Object<'d> {
        let map = value.as_object().unwrap_or_else(|| panic!("{path} is no object"));
        Object { path: path.to_owned(), map, read: RefCell::default(), account }
    }

    fn take(&self, key: &str) -> Option<&'d Value> {
        let value = self.map.get(key)?;
        if self.read.borrow_mut().insert(key.to_owned()) {
            *self.account.fields.borrow_mut().entry(self.of(key)).or_insert(0) += 1;
        }
        Some(value)
    }

    fn of(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// A text; none where it is null.
    pub(crate) fn text(&self, key: &str) -> Option<&'d str> {
        match self.take(key)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => panic!("{}: {other} is no text", self.of(key)),
        }
    }

    /// A text that has to be there.
    pub(crate) fn id(&self, key: &str) -> &'d str {
        self.text(key).unwrap_or_else(|| panic!("{} is missing", self.of(key)))
    }

    /// A whole number, some of which are written as texts.
    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        let value = self.take(key)?;
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        Some(number.unwrap_or_else(|| panic!("{}: {value} is no whole number", self.of(key))))
    }

    /// True, or 1.
    pub(crate) fn flag(&self, key: &str) -> bool {
        match self.take(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => match other.as_i64() {
                Some(0) => false,
                Some(1) => true,
                _ => panic!("{}: {other} is neither true nor false", self.of(key)),
            },
        }
    }

    /// The texts of a list, or of a map of numbers.
    pub(crate) fn texts(&self, key: &str) -> Vec<&'d str> {
        let text = |value: &'d Value| value.as_str().unwrap_or_else(|| panic!("{}: no text", self.of(key)));
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(Value::Object(items)) => items.values().map(text).collect(),
            Some(other) => panic!("{}: {other} is no list", self.of(key)),
        }
    }

    pub(crate) fn object(&self, key: &str) -> Option<Object<'d>> {
        let value = self.take(key)?;
        Some(Object::new(&self.of(key), value, self.account))
    }

    /// The objects that are all that this one holds.
    pub(crate) fn entries(&self) -> Vec<(String, Object<'d>)> {
        let path = format!("{}[]", self.path);
        let object = |key: &String| (key.clone(), Object::new(&path, &self.map[key], self.account));
        self.read.borrow_mut().extend(self.map.keys().cloned());
        self.map.keys().map(object).collect()
    }

    /// The objects of a list, or of a map, with their keys.
    pub(crate) fn objects(&self, key: &str) -> Vec<(String, Object<'d>)> {
        let path = format!("{}[]", self.of(key));
        let object = |value: &'d Value| Object::new(&path, value, self.account);
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                items.iter().enumerate().map(|(n, value)| (n.to_string(), object(value))).collect()
            }
            Some(Value::Object(items)) => {
                items.iter().map(|(key, value)| (key.clone(), object(value))).collect()
            }
            Some(other) => panic!("{}: {other} is no list", self.of(key)),
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        let read = self.read.borrow();
        let unread = self.map.keys().filter(|key| !read.contains(*key));
        self.account.unread.borrow_mut().extend(unread.map(|key| self.of(key)));
    }
}
