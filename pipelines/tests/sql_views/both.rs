//! A text in two forms, of one meaning.

/// A text for worldflow, and one for SQLite.
#[derive(Clone, Debug)]
pub(crate) struct Both {
    pub(crate) ours: String,
    theirs: String,
}

impl Both {
    pub(crate) fn same(text: impl Into<String>) -> Both {
        let ours: String = text.into();
        Both { theirs: ours.clone(), ours }
    }

    pub(crate) fn of(ours: impl Into<String>, theirs: impl Into<String>) -> Both {
        Both { ours: ours.into(), theirs: theirs.into() }
    }

    /// A text with each `$` filled in from the parts, in order.
    pub(crate) fn filled(text: &str, parts: &[&Both]) -> Both {
        let fill = |part: fn(&Both) -> &str| {
            let mut made = String::new();
            let mut parts = parts.iter();
            for piece in text.split_inclusive('$') {
                match piece.strip_suffix('$') {
                    Some(piece) => {
                        made.push_str(piece);
                        made.push_str(part(parts.next().expect("as many parts as `$`")));
                    }
                    None => made.push_str(piece),
                }
            }
            made
        };
        Both { ours: fill(|both| &both.ours), theirs: fill(|both| &both.theirs) }
    }

    pub(crate) fn joined(parts: &[Both], between: &str) -> Both {
        let join = |part: fn(&Both) -> &str| parts.iter().map(part).collect::<Vec<_>>().join(between);
        Both { ours: join(|both| &both.ours), theirs: join(|both| &both.theirs) }
    }

    /// SQLite's text, for a part of another.
    pub(crate) fn raw(&self) -> String {
        self.theirs.clone()
    }

    /// SQLite's text at a moment.
    pub(crate) fn theirs_at(&self, now_ms: i64, world_ms: i64) -> String {
        self.theirs.replace("{WORLD}", &world_ms.to_string()).replace("{NOW}", &now_ms.to_string())
    }
}
