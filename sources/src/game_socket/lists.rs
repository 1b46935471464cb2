//! Lists of a client's frame, read no further than a frame may hold.
//!
//! A frame of a megabyte has room for half a million empty items, each of which would become a few
//! hundred bytes. So those beyond the most are counted and not kept.

use std::fmt;
use std::marker::PhantomData;

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use worldflow_engine::admission::Refusal;

use crate::check::refuse;

/// The most events, writes or answers that are read of one frame.
pub const MOST_ITEMS: usize = 10_000;

/// Refuses a list that has more items than may be.
pub(super) fn within(path: &str, items: usize, most: usize) -> Result<(), Refusal> {
    if items <= most {
        return Ok(());
    }
    let reason = format!("{items} items where at most {most} may be");
    Err(refuse("too_many_items", path, reason, "send several frames; welcome.max_items says how many"))
}

/// The first items of a list in JSON, and how many it has.
#[derive(Debug)]
pub(super) struct Bounded<T> {
    items: Vec<T>,
    all: usize,
}

impl<T> Default for Bounded<T> {
    fn default() -> Bounded<T> {
        Bounded { items: Vec::new(), all: 0 }
    }
}

impl<T> Bounded<T> {
    /// All of them, if that is not too many.
    pub(super) fn whole(self, path: &str) -> Result<Vec<T>, Refusal> {
        within(path, self.all, MOST_ITEMS).map(|()| self.items)
    }
}

struct BoundedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for BoundedVisitor<T> {
    type Value = Bounded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST_ITEMS {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Bounded { all: items.len(), items }),
            }
        }
        let mut all = items.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            all += 1;
        }
        Ok(Bounded { items, all })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bounded<T>, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

/// The frames of `ClientFrame` that hold a list, by their numbers. The list is field 2 of each.
const LISTS: [(u32, &str); 3] = [(2, "publish.events"), (3, "write.items"), (5, "grant_answers.answers")];

/// Refuses a frame in protobuf whose list has more items than may be, without reading them.
pub(super) fn within_most(frame: &[u8]) -> Result<(), Refusal> {
    let mut counts = [0; LISTS.len()];
    each_message(frame, |number, body| {
        if let Some(list) = LISTS.iter().position(|(list, _)| *list == number) {
            each_message(body, |number, _| counts[list] += usize::from(number == 2));
        }
    });
    LISTS.iter().zip(counts).try_for_each(|((_, path), items)| within(path, items, MOST_ITEMS))
}

/// Calls `found` with the number and the bytes of each field that has a length. It stops at what is
/// malformed, which is for the decoder to say.
fn each_message(mut bytes: &[u8], mut found: impl FnMut(u32, &[u8])) {
    while let Ok((number, wire_type)) = decode_key(&mut bytes) {
        if wire_type != WireType::LengthDelimited {
            if skip_field(wire_type, number, &mut bytes, DecodeContext::default()).is_err() {
                return;
            }
            continue;
        }
        let length = decode_varint(&mut bytes).ok().and_then(|length| usize::try_from(length).ok());
        let Some(body) = length.and_then(|length| bytes.get(..length)) else { return };
        found(number, body);
        bytes.advance(body.len());
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::encoding::{encode_key, encode_varint};

    use super::super::frames::{from_json, from_protobuf};
    use super::*;

    /// What comes of a frame with so many empty items, in JSON and in protobuf.
    fn outcomes(number: u32, path: &str, items: usize) -> [Result<(), Refusal>; 2] {
        let (frame, list) = path.split_once('.').expect("a frame and its list");
        let empty = vec!["{}"; items].join(",");
        let json = format!(r#"{{"{frame}":{{"{list}":[{empty}]}}}}"#);
        let mut protobuf = Vec::new();
        encode_key(number, WireType::LengthDelimited, &mut protobuf);
        encode_varint(2 * items as u64, &mut protobuf);
        protobuf.extend([0x12, 0].repeat(items));
        [from_json(&json).map(drop), from_protobuf(&Bytes::from(protobuf)).map(drop)]
    }

    #[test]
    fn half_a_million_empty_items_are_counted_and_not_read() {
        for (number, path) in LISTS {
            assert_eq!(outcomes(number, path, MOST_ITEMS), [Ok(()), Ok(())], "{path}");
            for refused in outcomes(number, path, 500_000) {
                let refusal = refused.expect_err("it has too many");
                assert_eq!((refusal.code, refusal.path.as_str()), ("too_many_items", path));
                assert!(refusal.reason.starts_with("500000 items"), "{}", refusal.reason);
            }
        }
    }

    #[test]
    fn a_list_in_pieces_is_counted_as_one() {
        // A message that comes several times is put together by the decoder.
        let mut frame = Vec::new();
        for _ in 0..=MOST_ITEMS {
            frame.extend([0x12, 2, 0x12, 0]);
        }
        let refusal = from_protobuf(&Bytes::from(frame)).expect_err("it has too many");
        assert_eq!(refusal.code, "too_many_items");
    }

    #[test]
    fn the_numbers_are_those_of_the_wire() {
        use prost::Message as _;
        use worldflow_proto::v1;
        use worldflow_proto::v1::client_frame::Frame;
        let publish = v1::Publish { seq: 1, events: vec![v1::Event::default(); 3] };
        let write = v1::Write { seq: 1, items: vec![v1::WriteItem::default(); 3] };
        let answers = v1::GrantAnswers { seq: 1, answers: vec![v1::GrantAnswer::default(); 3] };
        let frames = [Frame::Publish(publish), Frame::Write(write), Frame::GrantAnswers(answers)];
        for (frame, (list, _)) in frames.into_iter().zip(LISTS) {
            let bytes = v1::ClientFrame { frame: Some(frame) }.encode_to_vec();
            let mut counted = 0;
            each_message(&bytes, |number, body| {
                assert_eq!(number, list);
                each_message(body, |number, _| counted += u32::from(number == 2));
            });
            assert_eq!(counted, 3);
        }
    }
}
