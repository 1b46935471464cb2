//! Interned strings: ids as small integers.
//!
//! A [`Sym`] is equal to another exactly when their strings are equal. Its number depends on the
//! order in which this process met the strings, so it never enters a hash, an ordering that can be
//! seen from outside, or a file: those use the string, through [`Sym::as_str`] and [`Sym::hash128`].

use std::cmp::Ordering;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, OnceLock, RwLock};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_128;

/// The most strings one process interns. Admission refuses new ids beyond it.
pub const MAX_SYMBOLS: usize = 1 << 26;

/// An interned string. [`Sym::NONE`] is the empty string and stands for "absent".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sym(u32);

struct Interner {
    by_text: FxHashMap<&'static str, u32>,
    len: usize,
}

static INTERNER: LazyLock<RwLock<Interner>> = LazyLock::new(|| {
    let mut interner = Interner { by_text: FxHashMap::default(), len: 0 };
    interner.add("");
    RwLock::new(interner)
});

/// A table by number, in chunks of doubling size. What is of a number is written once, before the
/// number is given out, and so read without a lock: workers look up hashes for every row.
type Chunks<T> = [OnceLock<Box<[T]>>; 17];

static TEXTS: Chunks<OnceLock<&'static str>> = [const { OnceLock::new() }; 17];

/// The low and the high half. Apart from the texts, as they are wanted far more often.
static HASHES: Chunks<[AtomicU64; 2]> = [const { OnceLock::new() }; 17];

/// The entries of the first chunk; the last of 17 chunks then ends beyond [`MAX_SYMBOLS`].
const FIRST_CHUNK: usize = 1 << 10;

/// The chunk of an entry and its place there.
fn place(number: usize) -> (usize, usize) {
    let from_first = number + FIRST_CHUNK;
    let chunk = (from_first / FIRST_CHUNK).ilog2();
    (chunk as usize, from_first - (FIRST_CHUNK << chunk))
}

/// What a table has of a number.
#[inline]
fn of<T>(chunks: &'static Chunks<T>, sym: Sym) -> &'static T {
    if sym.is_none() {
        // The empty string has a number before anything is interned.
        LazyLock::force(&INTERNER);
    }
    let (chunk, place) = place(sym.index());
    &chunks[chunk].get().expect("a number is given out after its text is written")[place]
}

/// Where a table keeps what it has of a number.
fn made<T: Default>(chunks: &'static Chunks<T>, number: usize) -> &'static T {
    let (chunk, place) = place(number);
    &chunks[chunk].get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| T::default()).collect())[place]
}

impl Interner {
    fn add(&mut self, text: &str) -> u32 {
        let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
        let id = u32::try_from(self.len).expect("MAX_SYMBOLS is below u32::MAX");
        let hash = xxh3_128(text.as_bytes());
        for (kept, half) in made(&HASHES, self.len).iter().zip([hash, hash >> 64]) {
            #[expect(clippy::cast_possible_truncation, reason = "a half")]
            kept.store(half as u64, Relaxed);
        }
        made(&TEXTS, self.len).get_or_init(|| text);
        self.len += 1;
        self.by_text.insert(text, id);
        id
    }
}

fn poisoned<T>(result: Result<T, std::sync::PoisonError<T>>) -> T {
    result.unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Sym {
    /// The empty string: no player, no target, no region.
    pub const NONE: Sym = Sym(0);

    /// Interns `text`. Use at trusted edges; where a stranger chooses the text, use [`Sym::try_new`].
    #[must_use]
    pub fn new(text: &str) -> Sym {
        Sym::try_new(text).expect("definitions and admitted ids stay below MAX_SYMBOLS")
    }

    /// Interns `text`, or returns `None` when the table is full.
    #[must_use]
    pub fn try_new(text: &str) -> Option<Sym> {
        if text.is_empty() {
            return Some(Sym::NONE);
        }
        if let Some(found) = Sym::find(text) {
            return Some(found);
        }
        let mut interner = poisoned(INTERNER.write());
        if let Some(&id) = interner.by_text.get(text) {
            return Some(Sym(id));
        }
        (interner.len < MAX_SYMBOLS).then(|| Sym(interner.add(text)))
    }

    /// Returns the symbol of `text` if it has been interned before.
    #[must_use]
    pub fn find(text: &str) -> Option<Sym> {
        poisoned(INTERNER.read()).by_text.get(text).map(|&id| Sym(id))
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        of(&TEXTS, self).get().expect("a number is given out after its text is written")
    }

    /// A 128-bit hash of the text, the same in every process.
    #[must_use]
    pub fn hash128(self) -> u128 {
        let [low, high] = of(&HASHES, self);
        u128::from(high.load(Relaxed)) << 64 | u128::from(low.load(Relaxed))
    }

    /// A 64-bit hash of the text for routing: the same in every process.
    #[must_use]
    pub fn hash64(self) -> u64 {
        of(&HASHES, self)[0].load(Relaxed)
    }

    /// Whether this is [`Sym::NONE`].
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Sym::NONE
    }

    /// Orders by text, as everything that can be seen from outside must.
    #[must_use]
    pub fn cmp_text(self, other: Sym) -> Ordering {
        if self == other { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }

    /// The symbol of a number that [`Sym::index`] gave in this process; any other is nobody's.
    #[must_use]
    pub fn of_index(number: u64) -> Sym {
        Sym(u32::try_from(number).unwrap_or_default())
    }

    /// The number, for dense tables inside one process.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Sym {
    fn from(text: &str) -> Sym {
        Sym::new(text)
    }
}

impl Serialize for Sym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Sym {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sym, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Sym::try_new(&text).ok_or_else(|| serde::de::Error::custom("the table of ids is full"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_text_is_equal_and_ordering_is_by_text() {
        let (b, a) = (Sym::new("sym-b"), Sym::new("sym-a"));
        assert_eq!(b, Sym::new("sym-b"));
        assert_eq!(a.cmp_text(b), Ordering::Less);
        assert_eq!(b.as_str(), "sym-b");
        assert!(Sym::new("").is_none());
    }

    #[test]
    fn chunks_follow_each_other_up_to_the_last_number() {
        let mut expected = (0, 0);
        for number in 0..(FIRST_CHUNK << 4) {
            assert_eq!(place(number), expected);
            expected.1 += 1;
            if expected.1 == FIRST_CHUNK << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        let (chunk, last) = place(MAX_SYMBOLS - 1);
        assert!(chunk < TEXTS.len() && last < FIRST_CHUNK << chunk);
    }

    #[test]
    fn hashes_come_from_the_text() {
        assert_eq!(Sym::new("wolf").hash128(), xxh3_128(b"wolf"));
        assert_ne!(Sym::new("wolf").hash64(), Sym::new("bear").hash64());
    }
}
