//! A tree that is written as YAML, in the order in which it was made.

use std::fmt::Write as _;

/// A node.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Yaml {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Yaml {
        Yaml::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Yaml {
        Yaml::Text(text)
    }
}

impl From<i64> for Yaml {
    fn from(number: i64) -> Yaml {
        Yaml::Number(number)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Yaml {
        Yaml::Flag(flag)
    }
}

impl<T: Into<Yaml>> From<Vec<T>> for Yaml {
    fn from(items: Vec<T>) -> Yaml {
        Yaml::List(items.into_iter().map(Into::into).collect())
    }
}

/// A map of these keys.
pub(crate) fn map<const N: usize>(entries: [(&str, Yaml); N]) -> Yaml {
    Yaml::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Yaml {
    /// An empty map.
    pub(crate) fn new() -> Yaml {
        Yaml::Map(Vec::new())
    }

    /// The same map with one key more.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Yaml>) -> Yaml {
        self.put(key, value);
        self
    }

    /// Adds a key to a map; each is given once.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Yaml>) {
        let Yaml::Map(entries) = self else { panic!("`{key}` is put into what is no map") };
        assert!(entries.iter().all(|(known, _)| known != key), "`{key}` is given twice");
        entries.push((key.to_owned(), value.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Yaml::Map(entries) if entries.is_empty())
    }

    /// The text of a file: maps one key a line, and what is small on one.
    pub(crate) fn file(&self) -> String {
        let mut text = String::new();
        self.block(0, &mut text);
        text
    }

    fn block(&self, depth: usize, text: &mut String) {
        let Yaml::Map(entries) = self else { panic!("a file is a map") };
        for (key, value) in entries {
            write!(text, "{:indent$}{}:", "", quoted(key), indent = depth * 2).expect("text");
            match value {
                Yaml::Map(inner) if !inner.is_empty() && value.flow().len() > 100 => {
                    text.push('\n');
                    value.block(depth + 1, text);
                }
                _ => writeln!(text, " {}", value.flow()).expect("text"),
            }
        }
    }

    /// All of it on one line.
    pub(crate) fn flow(&self) -> String {
        match self {
            Yaml::Text(text) => quoted(text),
            Yaml::Number(number) => number.to_string(),
            Yaml::Flag(flag) => flag.to_string(),
            Yaml::List(items) => format!("[{}]", items.iter().map(Yaml::flow).collect::<Vec<_>>().join(", ")),
            Yaml::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), value.flow()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A word as it is, anything else between quotes.
fn quoted(text: &str) -> String {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if word { text.to_owned() } else { serde_json::to_string(text).expect("a text is JSON") }
}
