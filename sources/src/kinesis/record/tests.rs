//! What becomes of records, without a stream.

use std::sync::Arc;

use md5::Digest as _;
use proptest::prelude::*;
use worldflow_engine::testing::fuzz::fuzz;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::Command;

use super::super::aggregate::tests::pack;
use super::*;
use crate::recording::MapDef;

fn world() -> WorldDef {
    let world = serde_json::json!({
        "name": "tiny", "seed": 1,
        "kinds": {
            "kill": {"max_amount": 5, "attributes": {"weapon": "id", "power": "number"}},
            "weather": {"known_targets": false},
        },
        "entities": {"wolf": {"kind": "npc"}},
        "regions": {"fen": {}},
    });
    serde_json::from_value(world).expect("a world")
}

fn decoder(mapping: Option<serde_json::Value>) -> Decoder {
    let world = world();
    let mapping = mapping.map(|def| {
        let def: MapDef = serde_json::from_value(def).expect("a mapping");
        Mapping::check(&def).expect("it has no problem")
    });
    let checker = Checker::new("tiny".into(), &world, Arc::new(ViewStore::new(1)));
    Decoder::with(checker, ("tiny".into(), &world), "game".into(), mapping)
}

fn record(data: impl Into<Vec<u8>>) -> Record {
    Record { sequence: "4957".to_owned(), arrived_ms: 1_000, data: data.into() }
}

/// The ids and times of what is taken, and the ids and codes of what is refused.
fn decoded(decoder: &mut Decoder, record: &Record) -> (Vec<String>, Vec<String>) {
    let mut decoded = Decoded::default();
    decoder.decode("s-0", Some((0, u128::MAX)), record, &mut decoded);
    let name = |id: &EventId| match id {
        EventId::Named(name) => name.to_string(),
        EventId::Position(position) => format!("number {position}"),
    };
    let item = |(at_ms, item): (i64, Item)| {
        let (kind, own) = match &item.input {
            Input::Event(event) => (event.kind.as_str(), event.id == item.id),
            Input::Command(Command::Presence(write)) => ("presence", write.order.id == item.id),
            Input::Command(_) => ("other", false),
        };
        assert!(own, "an input knows its id");
        format!("{kind} {} at {at_ms}", name(&item.id))
    };
    let refused = decoded.refused.iter().map(|(id, refusal)| format!("{} {}", name(id), refusal.code));
    (decoded.items.into_iter().map(item).collect(), refused.collect())
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn events_in_json_and_protobuf_are_the_same() {
    let mut decoder = decoder(None);
    let json = r#"{"id": "e-1", "at": 5, "player": "ann", "kind": "kill", "target": "wolf"}"#;
    let at = v1::Scalar { kind: Some(v1::scalar::Kind::Int(5)) };
    let event = v1::Event {
        id: Some("e-1".to_owned()),
        at: Some(at),
        player: Some("ann".to_owned()),
        kind: "kill".to_owned(),
        target: Some("wolf".to_owned()),
        ..v1::Event::default()
    };
    for bytes in [json.as_bytes().to_vec(), event.encode_to_vec()] {
        assert_eq!(decoded(&mut decoder, &record(bytes)), (strings(&["kill e-1 at 5"]), vec![]));
    }
}

#[test]
fn without_an_id_or_a_time_an_event_goes_by_its_record() {
    let json = r#"{"player": "ann", "kind": "kill"}"#;
    let (taken, _) = decoded(&mut decoder(None), &record(json));
    assert_eq!(taken, ["kill s-0:4957 at 1000"]);
}

#[test]
fn packed_records_keep_their_order_and_one_that_is_bad_is_so_alone() {
    let good = br#"{"player": "ann", "kind": "kill"}"#;
    let bad = br#"{"player": "ann", "kind": "kil"}"#;
    let packed = pack(&[("ann", good), ("ann", bad), ("bo", good)]);
    let (taken, refused) = decoded(&mut decoder(None), &record(packed));
    assert_eq!(taken, ["kill s-0:4957:000000 at 1000", "kill s-0:4957:000002 at 1000"]);
    assert_eq!(refused, ["s-0:4957:000001 unknown_kind"]);
}

#[test]
fn what_belongs_to_another_shard_is_refused() {
    let packed = record(pack(&[("ann", br#"{"player": "ann", "kind": "kill"}"#)]));
    let mut decoded = Decoded::default();
    decoder(None).decode("s-0", Some((0, 1)), &packed, &mut decoded);
    assert!(decoded.items.is_empty());
    assert_eq!(decoded.refused[0].1.code, "other_shard");
}

#[test]
fn bad_records_are_refused_with_their_place() {
    let mut decoder = decoder(None);
    let mut damaged = pack(&[("ann", b"x")]);
    damaged.pop();
    for (data, code) in [
        (b"".to_vec(), "missing_kind"),
        (b"{".to_vec(), "malformed"),
        (b"nonsense".to_vec(), "malformed"),
        (br#"{"kind": "kill", "amount": 9}"#.to_vec(), "amount_too_large"),
        (br#"{"kind": "kill", "colour": "red"}"#.to_vec(), "unknown_field"),
        (damaged, "bad_aggregate"),
    ] {
        assert_eq!(decoded(&mut decoder, &record(data)), (vec![], vec![format!("s-0:4957 {code}")]));
    }
}

fn game_events(id: bool) -> serde_json::Value {
    let mut def = serde_json::json!({
        "source": "weather-manager",
        "envelope": {"record": "json", "payload": "hex"},
        "time": {"field": "timestamp"},
        "presence": {"region": "{payload.zone}"},
        "events": [
            {"if": {"event_type": "weather.changed"}, "kind": "weather", "player": "{payload.player}", "target": "{payload.new_state}"},
            {"if": {"event_type": "weather.changed"}, "kind": "kill", "target": "wolf"},
        ],
    });
    if id {
        def["id"] = "{event_id}".into();
    }
    def
}

fn envelope(payload: &str) -> Record {
    let hex: String = payload.bytes().map(|byte| format!("{byte:02x}")).collect();
    record(format!(
        r#"{{"event_id": "e-1", "event_type": "weather.changed", "timestamp": 77, "payload": "{hex}"}}"#
    ))
}

#[test]
fn envelopes_go_through_a_mapping() {
    let payload = r#"{"new_state": "storm", "player": "ann", "zone": "fen"}"#;
    let (taken, refused) = decoded(&mut decoder(Some(game_events(true))), &envelope(payload));
    assert_eq!(taken, ["presence e-1/at at 77", "weather e-1 at 77", "kill e-1/2 at 77"]);
    assert_eq!(refused, [] as [&str; 0]);
    let (taken, _) = decoded(&mut decoder(Some(game_events(false))), &envelope(payload));
    assert_eq!(taken, ["presence s-0:4957/0 at 77", "weather s-0:4957/1 at 77", "kill s-0:4957/3 at 77"]);
}

#[test]
fn of_a_mapped_record_of_which_a_part_is_wrong_nothing_is_taken() {
    let mut decoder = decoder(Some(game_events(true)));
    let odd = envelope(r#"{"new_state": "storm", "player": "ann", "zone": "moor"}"#);
    assert_eq!(decoded(&mut decoder, &odd), (vec![], strings(&["s-0:4957 unknown_region"])));
    let other = record(r#"{"event_id": "e-2", "event_type": "time.changed", "timestamp": 77}"#);
    assert_eq!(decoded(&mut decoder, &other), (vec![], strings(&["s-0:4957 no_rule"])));
}

proptest! {
    #[test]
    fn no_bytes_break_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..400, flip: u8) {
        let envelopes = ["json", "protobuf", "hex", "base64"].map(|form| {
            let mut def = game_events(true);
            def["envelope"]["record"] = form.into();
            Some(def)
        });
        let good = br#"{"id": "e-1", "at": 5, "player": "ann", "kind": "kill", "with": {"power": 1.5}}"#;
        let mut packed = pack(&[("ann", good), ("bo", &bytes)]);
        let last = packed.len() - 1;
        packed[cut.min(last)] ^= flip;
        packed.truncate(packed.len() - cut % 7);
        let mut object = good.to_vec();
        object[cut % good.len()] ^= flip;
        for mapping in std::iter::once(None).chain(envelopes) {
            let mut decoder = decoder(mapping);
            for data in [&bytes, &packed, &object, &pack(&[("ann", &bytes)])] {
                let (taken, refused) = decoded(&mut decoder, &record(data.as_slice()));
                prop_assert!(!taken.is_empty() || !refused.is_empty());
            }
        }
    }
}

/// `WORLDFLOW_FUZZ` says how many cases, `WORLDFLOW_FUZZ_SEED` where they begin.
#[test]
fn changes_of_good_records_are_read_or_refused() {
    let json = br#"{"id": "e-1", "at": 5, "player": "ann", "kind": "kill", "target": "wolf", "amount": 3, "with": {"weapon": "bow", "power": 1.5}}"#;
    let at = v1::Scalar { kind: Some(v1::scalar::Kind::Int(5)) };
    let event = v1::Event {
        id: Some("e-1".to_owned()),
        at: Some(at),
        player: Some("ann".to_owned()),
        kind: "kill".to_owned(),
        ..v1::Event::default()
    };
    let protobuf = event.encode_to_vec();
    let previous = envelope(r#"{"new_state": "storm", "player": "ann", "zone": "fen"}"#).data.to_vec();
    let packed = pack(&[("ann", json), ("bo", &protobuf), ("ann", &previous)]);
    let good = [json.to_vec(), protobuf, previous, packed];
    let mappings = ["json", "protobuf", "hex", "base64"].map(|form| {
        let mut def = game_events(true);
        def["envelope"]["record"] = form.into();
        Some(def)
    });
    let mut decoders: Vec<Decoder> = std::iter::once(None).chain(mappings).map(decoder).collect();
    fuzz("records of a stream", 20_000, &good, &mut |bytes, chance| {
        // Changed within, and under a right checksum too.
        let again = pack(&[("ann", bytes), ("bo", json)]);
        let mut within = again[4..again.len() - 16].to_vec();
        let place = chance.place(within.len());
        within[place] ^= 1 << chance.below(8);
        let checksum = md5::Md5::digest(&within);
        let within = [&again[..4], &within, &checksum[..]].concat();
        for decoder in &mut decoders {
            for data in [bytes, &again, &within] {
                let (taken, refused) = decoded(decoder, &record(data));
                assert!(data.is_empty() || !taken.is_empty() || !refused.is_empty() || data == within);
            }
        }
    });
}
