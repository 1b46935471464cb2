//! Records that the Kinesis Producer Library has packed together.
//!
//! `f3 89 9a c2 ─ AggregatedRecord ─ MD5 of it`: the message has tables of partition keys (1) and of
//! explicit hashes (2), and records (3) of an index into the first (1), into the second (2), and their
//! data (3). One whose key belongs to another shard since a split is not of this shard: the library
//! has found that out too, and has sent it again.

use md5::{Digest, Md5};

use crate::wire::{Fields, NoMessage, Wire};

/// What such a record begins with.
const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// The bytes of its checksum.
const MD5_BYTES: usize = 16;

/// The most records in one.
pub(super) const MOST_PACKED: usize = 100_000;

/// A record that was packed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed<'a> {
    pub(super) data: &'a [u8],
    /// Where its key lies among all hashes; `None` when it names no key that is there.
    pub(super) hash: Option<u128>,
}

/// What a record of the stream is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpacked<'a> {
    /// It is a record by itself.
    Plain,
    /// It is several, in their order.
    Several(Vec<Packed<'a>>),
    /// It says that it is several, and is not.
    Damaged(&'static str),
}

/// Takes a record apart.
pub(super) fn unpack(record: &[u8]) -> Unpacked<'_> {
    let Some(rest) = record.strip_prefix(&MAGIC) else { return Unpacked::Plain };
    let Some((message, checksum)) =
        rest.len().checked_sub(MD5_BYTES).and_then(|end| rest.split_at_checked(end))
    else {
        return Unpacked::Damaged("it is too short for its checksum");
    };
    if Md5::digest(message)[..] != *checksum {
        return Unpacked::Damaged("it does not match its checksum");
    }
    match several(message) {
        Ok(packed) if packed.len() > MOST_PACKED => Unpacked::Damaged("it holds more records than may be"),
        Ok(packed) => Unpacked::Several(packed),
        Err(NoMessage) => Unpacked::Damaged("it is no AggregatedRecord"),
    }
}

fn several(message: &[u8]) -> Result<Vec<Packed<'_>>, NoMessage> {
    let (mut keys, mut hashes, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for field in Fields::of(message) {
        match field? {
            (1, Wire::Bytes(key)) => keys.push(key),
            (2, Wire::Bytes(hash)) => hashes.push(hash),
            (3, Wire::Bytes(record)) if records.len() <= MOST_PACKED => records.push(record),
            _ => {}
        }
    }
    records.into_iter().map(|record| packed(record, &keys, &hashes)).collect()
}

fn packed<'a>(record: &'a [u8], keys: &[&[u8]], hashes: &[&[u8]]) -> Result<Packed<'a>, NoMessage> {
    let (mut key, mut explicit, mut data) = (None, None, &[][..]);
    for field in Fields::of(record) {
        match field? {
            (1, Wire::Varint(index)) => key = usize::try_from(index).ok(),
            (2, Wire::Varint(index)) => explicit = usize::try_from(index).ok(),
            (3, Wire::Bytes(bytes)) => data = bytes,
            _ => {}
        }
    }
    let said = explicit.and_then(|index| hashes.get(index));
    let said = said.and_then(|hash| std::str::from_utf8(hash).ok()?.parse().ok());
    let of_key = || key.and_then(|index| keys.get(index)).map(|key| hash_of(key));
    Ok(Packed { data, hash: said.or_else(of_key) })
}

/// Where a partition key lies among all hashes.
fn hash_of(key: &[u8]) -> u128 {
    u128::from_be_bytes(Md5::digest(key).into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn length_delimited(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut field);
        field.extend(bytes);
        field
    }

    /// Packs records by their partition keys, as the library does.
    pub(crate) fn pack(records: &[(&str, &[u8])]) -> Vec<u8> {
        let mut message = Vec::new();
        for (key, _) in records {
            message.extend(length_delimited(1, key.as_bytes()));
        }
        for (index, (_, data)) in records.iter().enumerate() {
            let mut record = vec![1 << 3, u8::try_from(index).expect("few")];
            record.extend(length_delimited(3, data));
            message.extend(length_delimited(3, &record));
        }
        let checksum = Md5::digest(&message);
        [&MAGIC[..], &message, &checksum[..]].concat()
    }

    #[test]
    fn records_come_out_in_the_order_in_which_they_were_packed() {
        let record = pack(&[("ann", b"one"), ("bo", b"two"), ("ann", b"three")]);
        let Unpacked::Several(packed) = unpack(&record) else { panic!("it is several") };
        let data: Vec<&[u8]> = packed.iter().map(|packed| packed.data).collect();
        assert_eq!(data, [&b"one"[..], b"two", b"three"]);
        assert_eq!(packed[0].hash, Some(hash_of(b"ann")));
        assert_ne!(packed[0].hash, packed[1].hash);
    }

    /// By `aws-kinesis-agg` 1.2.3, which is the service's own, in Python.
    const PACKED: &str = include_str!("packed.hex");

    #[test]
    fn what_another_library_has_packed_is_unpacked() {
        let digits = PACKED.trim().as_bytes().chunks(2);
        let digit = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16);
        let record: Vec<u8> = digits.map(|pair| digit(pair).expect("digits")).collect();
        let Unpacked::Several(packed) = unpack(&record) else { panic!("it is several") };
        let events: Vec<serde_json::Value> =
            packed.iter().map(|packed| serde_json::from_slice(packed.data).expect("JSON")).collect();
        let ids: Vec<_> = events.iter().map(|event| event["id"].as_str().expect("an id")).collect();
        assert_eq!(ids, ["k-1", "k-2", "k-3"]);
        // The second says its hash; the others have one key, which is there once.
        let hashes: Vec<_> = packed.iter().map(|packed| packed.hash).collect();
        assert_eq!(hashes, [Some(hash_of(b"cy")), Some(1 << 127), Some(hash_of(b"cy"))]);
    }

    #[test]
    fn a_hash_that_is_said_goes_before_that_of_the_key() {
        let record = [vec![0x08, 0, 0x10, 0], length_delimited(3, b"x")].concat();
        let found = packed(&record, &[b"ann"], &[b"17"]);
        assert_eq!(found, Ok(Packed { data: b"x", hash: Some(17) }));
        assert_eq!(packed(&record, &[], &[]), Ok(Packed { data: b"x", hash: None }));
    }

    #[test]
    fn what_is_not_packed_or_is_damaged_is_said() {
        assert_eq!(unpack(b"{}"), Unpacked::Plain);
        assert_eq!(unpack(&MAGIC), Unpacked::Damaged("it is too short for its checksum"));
        let mut record = pack(&[("ann", b"one")]);
        let last = record.len() - 1;
        record[last] ^= 1;
        assert_eq!(unpack(&record), Unpacked::Damaged("it does not match its checksum"));
        let nonsense = [&MAGIC[..], b"zz", &Md5::digest(b"zz")[..]].concat();
        assert_eq!(unpack(&nonsense), Unpacked::Damaged("it is no AggregatedRecord"));
    }
}
