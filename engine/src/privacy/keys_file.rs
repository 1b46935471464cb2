//! The form of a file of keys, and what can be read of one whatever has become of it.
//!
//! A header, then what was written and synced together, batch by batch: a mark, and a record for each key, `crc32 |
//! length | name of the key | player | wrapped key`. The checksum is of what stays when a key goes; the wrapped key
//! has the cipher's. A mark is a record of nobody. Nothing is written behind a batch that is not durable, so what cannot be
//! read is the end that a crash has left, unless another batch follows: then it is damage. Files of earlier versions have no marks;
//! in those each record counts as a batch.

use std::ops::Range;
use std::path::Path;

use worldflow_schemas::Sym;

use super::cipher::{Bound, KEY_BYTES, Key, KeyId, NoRandomness, WRAPPED_BYTES};
use super::store::{Kept, KeysError, MasterKey};

const MAGIC: [u8; 8] = *b"wfkeys01";
/// The magic, whether there is a master key, whether batches are marked, and what says whether the master key is this one.
const HEADER_BYTES: usize = 8 + 8 + WRAPPED_BYTES;
/// Before the player: a checksum, the player's length, the key's name.
const RECORD_BYTES: usize = 4 + 2 + 16;
/// Ids are far shorter.
const MOST_PLAYER_BYTES: usize = 1024;
/// The name in a mark.
const MARK: KeyId = KeyId([0xff; 16]);

/// Without a master key they are wrapped in one that everybody knows.
pub(super) fn wrapping(master: Option<&MasterKey>) -> Key {
    master.map_or_else(|| Key::from([0; KEY_BYTES]), |master| master.0.clone())
}

/// How a file begins.
pub(super) fn header(master: Option<&MasterKey>) -> Result<Vec<u8>, NoRandomness> {
    let mut header = MAGIC.to_vec();
    header.extend([u8::from(master.is_some()), 1, 0, 0, 0, 0, 0, 0]);
    header.extend(wrapping(master).wrap(&Key::from([0; KEY_BYTES]), &MAGIC)?);
    Ok(header)
}

/// How a batch begins. It looks like a key that is destroyed.
pub(super) fn mark() -> Vec<u8> {
    let mut mark = stays(MARK, "");
    mark.extend([0; WRAPPED_BYTES]);
    mark
}

/// The part of a record that stays.
pub(super) fn record(key: &Kept) -> Vec<u8> {
    stays(key.id, key.player.as_str())
}

fn stays(id: KeyId, player: &str) -> Vec<u8> {
    let length = u16::try_from(player.len()).expect("an id is short");
    let mut rest = length.to_le_bytes().to_vec();
    rest.extend(id.0);
    rest.extend(player.as_bytes());
    let mut record = crc32fast::hash(&rest).to_le_bytes().to_vec();
    record.extend(rest);
    record
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether there was a master key.
    pub(super) wrapped: bool,
    /// Keys, and where each lies.
    pub(super) keys: Vec<(Kept, u64)>,
    /// Keys that are there and cannot be opened: their destruction was cut short, or the disk has damaged them.
    pub(super) lost: Vec<(KeyId, Sym, u64)>,
    /// Bytes of which nobody knows what they are.
    pub(super) unread: Vec<Range<u64>>,
}

impl Found {
    /// Whether all that is in it is known, so that nothing goes with it unseen.
    pub(super) fn is_whole(&self) -> bool {
        self.unread.is_empty() && self.lost.is_empty()
    }
}

/// Reads a file.
pub(super) fn read(
    realm: Sym,
    path: &Path,
    bytes: &[u8],
    master: Option<&MasterKey>,
) -> Result<Found, KeysError> {
    let parts = parts(bytes);
    let mut found = Found { wrapped: master.is_some(), ..Found::default() };
    let mut key = wrapping(master);
    let mut proved = true;
    if let Head::Whole { wrapped, proof, .. } = &parts.head {
        found.wrapped = *wrapped;
        match (wrapped, master) {
            (true, None) => return Err(KeysError::NoMaster(path.to_owned())),
            (true, _) => {}
            (false, _) => key = wrapping(None),
        }
        proved = key.unwrap(proof, &MAGIC).is_some();
    }
    if let Some(offset) = parts.damaged_at {
        return Err(KeysError::Damaged { path: path.to_owned(), offset });
    }
    for Record { id, player, wrapped, at } in &parts.records {
        let player = Sym::new(player);
        match key.unwrap(wrapped, &Bound { realm, player, id: *id }.bytes()) {
            Some(key) => found.keys.push((Kept { id: *id, player, key }, *at)),
            None => found.lost.push((*id, player, *at)),
        }
    }
    // Nothing that is there can be opened: either the master key is another, or nobody can tell.
    if found.keys.is_empty() && parts.whole > 0 {
        match parts.head {
            Head::Whole { .. } if !proved => return Err(KeysError::OtherMaster(path.to_owned())),
            Head::Unread if !found.lost.is_empty() => {
                return Err(KeysError::Damaged { path: path.to_owned(), offset: 0 });
            }
            _ => {}
        }
    }
    found.unread.extend(parts.unread.into_iter().filter(|part| !is_zero(bytes, part)));
    Ok(found)
}

/// A folder's files, without any key.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct KeysSeen {
    /// Files.
    pub files: usize,
    /// Keys in them that are not destroyed, each copy counted.
    pub keys: u64,
    /// Bytes of an end that was not finished, or damaged before anything came behind it.
    pub unread_bytes: u64,
}

impl KeysSeen {
    /// Adds a file; returns where it is damaged.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<u64> {
        let parts = parts(bytes);
        self.files += 1;
        self.keys += parts.records.len() as u64;
        let unread = parts.unread.iter().filter(|part| !is_zero(bytes, part));
        self.unread_bytes += unread.map(|part| part.end - part.start).sum::<u64>();
        parts.damaged_at
    }
}

fn is_zero(bytes: &[u8], part: &Range<u64>) -> bool {
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    bytes[at(part.start)..at(part.end)].iter().all(|byte| *byte == 0)
}

enum Head<'a> {
    Whole { wrapped: bool, marked: bool, proof: &'a [u8; WRAPPED_BYTES] },
    Unread,
}

fn head(bytes: &[u8]) -> Head<'_> {
    let whole = bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(&MAGIC));
    let proof = whole.and_then(|header| header[MAGIC.len() + 8..].try_into().ok());
    proof.map_or(Head::Unread, |proof| {
        let (wrapped, marked) = (bytes[MAGIC.len()] != 0, bytes[MAGIC.len() + 1] != 0);
        Head::Whole { wrapped, marked, proof }
    })
}

/// A key that is not destroyed.
struct Record<'a> {
    id: KeyId,
    player: &'a str,
    wrapped: &'a [u8; WRAPPED_BYTES],
    /// Where the wrapped key begins.
    at: u64,
}

struct Parts<'a> {
    head: Head<'a>,
    records: Vec<Record<'a>>,
    /// How many records are whole, also of keys that are destroyed.
    whole: usize,
    unread: Vec<Range<u64>>,
    /// Where it is damaged, with whole batches behind.
    damaged_at: Option<u64>,
}

/// What a file consists of. Behind what cannot be read it is looked for the next record that is whole.
fn parts(bytes: &[u8]) -> Parts<'_> {
    let mut parts =
        Parts { head: head(bytes), records: Vec::new(), whole: 0, unread: Vec::new(), damaged_at: None };
    // Of a file that does not say it, it is not known.
    let (marked, mut bad) = match parts.head {
        Head::Whole { marked, .. } => (marked, None),
        Head::Unread => (true, Some(0)),
    };
    let mut at = HEADER_BYTES.min(bytes.len());
    while at < bytes.len() {
        let Some((id, player, wrapped)) = whole(&bytes[at..]) else {
            bad.get_or_insert(at);
            at += 1;
            continue;
        };
        let is_mark = player.is_empty();
        if let Some(from) = bad.take() {
            parts.unread.push(from as u64..at as u64);
        }
        // The first batch is written with the header.
        if let Some(first) = parts.unread.first()
            && (is_mark || !marked)
            && at > HEADER_BYTES
        {
            parts.damaged_at.get_or_insert(first.start);
        }
        let after = at + RECORD_BYTES + player.len() + WRAPPED_BYTES;
        if !is_mark {
            parts.whole += 1;
        }
        if wrapped.iter().any(|byte| *byte != 0) && !is_mark {
            parts.records.push(Record { id, player, wrapped, at: (after - WRAPPED_BYTES) as u64 });
        }
        at = after;
    }
    if let Some(from) = bad {
        parts.unread.push(from as u64..bytes.len() as u64);
    }
    parts
}

/// The record that bytes begin with.
fn whole(bytes: &[u8]) -> Option<(KeyId, &str, &[u8; WRAPPED_BYTES])> {
    let (crc, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
    if length > MOST_PLAYER_BYTES {
        return None;
    }
    let (stays, after) = rest.split_at_checked(RECORD_BYTES - 4 + length)?;
    if crc32fast::hash(stays) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (id, player) = stays[2..].split_first_chunk::<16>()?;
    let wrapped = after.first_chunk::<WRAPPED_BYTES>()?;
    Some((KeyId(*id), std::str::from_utf8(player).ok()?, wrapped))
}
