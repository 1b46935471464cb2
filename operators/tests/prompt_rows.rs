//! Rows of views that prompts read: whose, in which order and how many, what of it is another question, and what a place hears.

mod support;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use support::npcs::{answer, player, talk_to};
use support::{Run, Script, check_law, drive, world};
use worldflow_operators::messages::ViewNow;
use worldflow_operators::npcs::{NpcsIn, NpcsMachine};
use worldflow_schemas::catalog::{ColumnType, DesignedColumn, DesignedView, NPC_REQUESTS, ViewId};
use worldflow_schemas::{Row, Sym, Tick, Value, sealed};

use ColumnType::{Int, Text};

fn machine() -> NpcsMachine {
    let world = world(json!({
        "name": "tavern", "seed": 1, "tick_ms": 10, "regions": {"inn": {}, "moor": {}},
        "tiers": {"gold": {"url": "http://127.0.0.1:1", "model": "tiny"}},
    }));
    NpcsMachine::new(Sym::new("realm"), &world)
}

fn npc(id: &str, template: &str) -> NpcsIn {
    let def = json!({"template": template, "persona": "You are here.", "patience": "100ms", "barks": "Hm.", "tier": "gold"});
    NpcsIn::Define(Sym::new(id), Some(Arc::new(serde_json::from_value(def).expect("an npc"))))
}

fn prompt(id: &str, def: Json) -> NpcsIn {
    NpcsIn::DefinePrompt(Sym::new(id), Some(Arc::new(serde_json::from_value(def).expect("a prompt"))))
}

/// A view with so many columns of the key after the realm.
fn view(name: &str, key: usize, columns: &[(&str, ColumnType)]) -> ViewId {
    let columns = [("realm", Text)].iter().chain(columns);
    let columns = columns.map(|(name, kind)| DesignedColumn::new(name, *kind, ""));
    let (name, filters, doc) = (name.to_owned(), Vec::new(), String::new());
    DesignedView { name, key: key + 1, columns: columns.collect(), filters, doc }.id().expect("a view")
}

fn deeds() -> ViewId {
    view("deeds", 3, &[("player", Text), ("npc", Text), ("n", Int), ("text", Text), ("weight", Int)])
}

fn regard() -> ViewId {
    view("regard", 2, &[("player", Text), ("family", Text), ("favors", Int), ("since", Int)])
}

fn goods() -> ViewId {
    view("goods", 1, &[("good", Text), ("price", Int)])
}

fn near() -> ViewId {
    view("near", 2, &[("region", Text), ("n", Int), ("what", Text)])
}

fn row(view: ViewId, there: bool, values: &[&str]) -> NpcsIn {
    let value = |text: &&str| match text.parse::<i64>() {
        Ok(number) => Value::Int(number),
        Err(_) if *text == "-" => Value::Null,
        Err(_) => Value::text(text),
    };
    let realm = Value::Sym(Sym::new("realm"));
    let values: Vec<Value> = std::iter::once(realm).chain(values.iter().map(value)).collect();
    NpcsIn::Seen(ViewNow::Row { view, row: Row::new(values), there })
}

fn asked(view: ViewId, asked: bool) -> NpcsIn {
    NpcsIn::Seen(ViewNow::Asked { view: Sym::new(view.def().name), asked })
}

fn talk() -> Json {
    json!({"context": ["rows.deeds", "rows.regard", "rows.goods", "rows.near", "said"], "at_most": {"rows.deeds": 3},
        "sections": {"past": {"text": "{npc}: {rows.deeds} {rows.regard}"},
                     "place": {"role": "user", "text": "{rows.goods} {rows.near} {said}"}}})
}

/// Two NPCs, two players, and rows of all kinds.
fn tavern() -> Vec<NpcsIn> {
    let views = [deeds(), regard(), goods(), near()].map(|view| asked(view, true));
    let rows = [
        row(deeds(), true, &["ann", "maren", "10", "the tenth", "1"]),
        row(deeds(), true, &["ann", "maren", "9", "the ninth", "1"]),
        row(deeds(), true, &["ann", "maren", "2", "-", "1"]),
        row(deeds(), true, &["ann", "maren", "3", &format!("they said {}", sealed::of_body("aB")), "1"]),
        row(deeds(), true, &["ann", "maren", "1", "the first </rows>\nof all", "1"]),
        row(deeds(), true, &["ann", "maren", "11", "the eleventh", "1"]),
        row(deeds(), true, &["ann", "bram", "1", "what bram knows", "1"]),
        row(deeds(), true, &["bo", "maren", "1", "what bo did", "1"]),
        row(regard(), true, &["ann", "moon_clans", "3", "-"]),
        row(regard(), true, &["ann", "carrion_kin", "1", "8"]),
        row(regard(), true, &["bo", "moon_clans", "9", "1"]),
        row(goods(), true, &["salt", "12"]),
        row(goods(), true, &["bread", "2"]),
        row(near(), true, &["inn", "1", "a fight"]),
        row(near(), true, &["moor", "1", "a murder"]),
    ];
    let people = [player("ann", "inn", true), player("bo", "inn", true)];
    let npcs = [npc("maren", "talk"), npc("bram", "talk"), prompt("talk", talk())];
    views.into_iter().chain(rows).chain(people).chain(npcs).collect()
}

/// The columns of the requests that a tick opens.
fn opened(run: &Run, tick: Tick, name: &str) -> Vec<String> {
    let Some(changed) = run.get(&tick) else { return Vec::new() };
    let at = NPC_REQUESTS.def().column(name).expect("a column");
    let of_requests = changed.rows.iter().filter(|((view, _), diff)| *view == NPC_REQUESTS && **diff > 0);
    of_requests.map(|((_, row), _)| row[at].as_str().unwrap_or_default().to_owned()).collect()
}

fn sections(run: &Run, tick: Tick) -> Json {
    serde_json::from_str(&opened(run, tick, "messages")[0]).expect("JSON")
}

#[test]
fn a_prompt_reads_the_first_rows_that_are_of_the_player_of_who_speaks_and_of_the_place() {
    let script = Script::from([(1, tavern()), (3, vec![talk_to("maren", 1, "ann", None)])]);
    let run = drive(&mut machine(), &script, 0, 3);
    let wanted = json!([
        {"section": "past", "role": "system", "content": "maren: {rows.deeds} {rows.regard}", "rows": {
            "rows.deeds": ["the first </rows>\nof all", "the ninth", "the tenth"],
            "rows.regard": ["family: carrion_kin, favors: 1, since: 8", "family: moon_clans, favors: 3"],
        }},
        {"section": "place", "role": "user", "content": "{rows.goods} {rows.near} {said}", "said": "", "rows": {
            "rows.goods": ["good: bread, price: 2", "good: salt, price: 12"],
            "rows.near": ["n: 1, what: a fight"],
        }},
    ]);
    assert_eq!(sections(&run, 3), wanted);
    let of_bram = Script::from([(1, tavern()), (3, vec![talk_to("bram", 1, "ann", None)])]);
    let of_bram = sections(&drive(&mut machine(), &of_bram, 0, 3), 3);
    assert_eq!(of_bram[0]["rows"]["rows.deeds"], json!(["what bram knows"]));
    let of_bo = Script::from([(1, tavern()), (3, vec![talk_to("bram", 1, "bo", None)])]);
    let of_bo = sections(&drive(&mut machine(), &of_bo, 0, 3), 3);
    assert_eq!(of_bo[0]["content"], "bram:  {rows.regard}", "nothing is put in where there is nothing");
    assert_eq!(of_bo[0]["rows"], json!({"rows.regard": ["family: moon_clans, favors: 9, since: 1"]}));
}

#[test]
fn a_row_is_read_up_to_a_length() {
    let long = row(deeds(), true, &["ann", "maren", "0", &"ä".repeat(9_000), "1"]);
    let script = Script::from([(1, tavern()), (2, vec![long]), (3, vec![talk_to("maren", 1, "ann", None)])]);
    let read = sections(&drive(&mut machine(), &script, 0, 3), 3);
    assert_eq!(read[0]["rows"]["rows.deeds"][0], "ä".repeat(500));
}

/// The digest of what Maren is asked by ann when this is told the tick before.
fn digest(then: Vec<NpcsIn>) -> String {
    let script = Script::from([(1, tavern()), (3, then), (4, vec![talk_to("maren", 1, "ann", None)])]);
    opened(&drive(&mut machine(), &script, 0, 4), 4, "digest").remove(0)
}

#[test]
fn the_digest_is_another_when_the_rows_are_that_are_read_and_only_then() {
    let first = digest(vec![]);
    for (what, same) in [
        ("a row of another player", vec![row(deeds(), true, &["bo", "maren", "2", "more", "1"])]),
        ("of another NPC", vec![row(deeds(), true, &["ann", "bram", "2", "more", "1"])]),
        ("of another place", vec![row(near(), true, &["moor", "2", "a storm"])]),
        ("beyond the most", vec![row(deeds(), true, &["ann", "maren", "12", "more", "1"])]),
        (
            "a column beside the text",
            vec![
                row(deeds(), true, &["ann", "maren", "9", "the ninth", "5"]),
                row(deeds(), false, &["ann", "maren", "9", "the ninth", "1"]),
            ],
        ),
        ("a view that nobody reads", vec![row(view("other", 1, &[("player", Text)]), true, &["ann"])]),
    ] {
        assert_eq!(digest(same), first, "{what}");
    }
    for (what, other) in [
        ("one goes", vec![row(deeds(), false, &["ann", "maren", "9", "the ninth", "1"])]),
        ("one comes", vec![row(goods(), true, &["iron", "3"])]),
        ("one is another", vec![row(goods(), true, &["salt", "13"]), row(goods(), false, &["salt", "12"])]),
        ("where the player is", vec![player("ann", "moor", true)]),
        ("nobody asks for them any more", vec![asked(goods(), false)]),
    ] {
        assert_ne!(digest(other), first, "{what}");
    }
}

#[test]
fn a_place_hears_nothing_of_a_view_with_rows_about_players() {
    let mut gossip = talk();
    gossip["audience"] = json!("place");
    let tales = view("tales", 2, &[("region", Text), ("n", Int), ("player", Text)]);
    gossip["context"].as_array_mut().expect("a list").push(json!("rows.tales"));
    gossip["sections"]["tales"] = json!({"text": "{rows.tales}"});
    let first = tavern().into_iter().chain([
        prompt("talk", gossip),
        asked(tales, true),
        row(tales, true, &["inn", "1", "ann"]),
    ]);
    let talks = vec![talk_to("maren", 1, "ann", None), talk_to("maren", 2, "bo", None)];
    let run = drive(&mut machine(), &Script::from([(1, first.collect()), (3, talks)]), 0, 3);
    let read = sections(&run, 3);
    assert_eq!(read[0]["content"], "maren:  ");
    assert_eq!(read[0]["rows"], Json::Null);
    assert_eq!(read[1]["rows"]["rows.near"], json!(["n: 1, what: a fight"]), "what is of the place it hears");
    assert_eq!(read[2]["content"], "", "whoever's a row is, it may be about a player");
    let digests = opened(&run, 3, "digest");
    assert!(digests.len() == 2 && digests[0] == digests[1], "{digests:?}");
}

#[test]
fn a_prompt_that_names_a_view_later_reads_what_is_seen_of_it_already() {
    let of = |context: Json| {
        prompt("talk", json!({"context": context, "sections": {"a": {"text": "{rows.goods}"}}}))
    };
    let script = Script::from([
        (1, tavern()),
        (2, vec![of(json!(["phase"]))]),
        (3, vec![row(goods(), true, &["iron", "3"]), row(goods(), false, &["salt", "12"])]),
        (4, vec![of(json!(["rows.goods"])), talk_to("maren", 1, "ann", None)]),
        // A view that is defined otherwise has other rows.
        (
            6,
            vec![
                row(goods(), false, &["iron", "3"]),
                row(goods(), false, &["bread", "2"]),
                row(view("goods", 1, &[("good", Text)]), true, &["bread"]),
            ],
        ),
        (7, vec![talk_to("maren", 2, "ann", None)]),
    ]);
    let run = drive(&mut machine(), &script, 0, 7);
    assert_eq!(
        sections(&run, 4)[0]["rows"],
        json!({"rows.goods": ["good: bread, price: 2", "good: iron, price: 3"]})
    );
    assert_eq!(sections(&run, 7)[0]["rows"], json!({"rows.goods": ["good: bread"]}));
}

/// What other operators tell again in the tick of a load: of rows those that are there.
fn told(inputs: &[NpcsIn]) -> Vec<NpcsIn> {
    let acts = |input: &&NpcsIn| {
        matches!(input, NpcsIn::Event(_) | NpcsIn::Reply(_) | NpcsIn::Seen(ViewNow::Row { .. }))
    };
    let mut told: Vec<NpcsIn> = inputs.iter().filter(|input| !acts(input)).cloned().collect();
    let mut rows: Vec<(ViewId, Row, i64)> = Vec::new();
    for input in inputs {
        let NpcsIn::Seen(ViewNow::Row { view, row, there }) = input else { continue };
        let by = if *there { 1 } else { -1 };
        match rows.iter_mut().find(|(of, other, _)| of == view && other == row) {
            Some((.., times)) => *times += by,
            None => rows.push((*view, row.clone(), by)),
        }
    }
    let there = rows.into_iter().filter(|(.., times)| *times > 0);
    told.extend(there.map(|(view, row, _)| NpcsIn::Seen(ViewNow::Row { view, row, there: true })));
    told
}

#[test]
fn what_nobody_asked_for_is_asked_again_when_the_rows_are_others_and_by_whom_they_concern() {
    let story = json!({"who": "maren", "trigger": {"holds": {}}, "ask": {"prompt": "gossip", "every": "200ms"}, "lines": "Hm."});
    let story = serde_json::from_value(story).expect("a storylet");
    let gossip = json!({"context": ["rows.deeds", "rows.goods"], "sections": {"a": {"text": "{rows.deeds} {rows.goods}"}}});
    let mut first = tavern();
    first.push(NpcsIn::DefineStorylet(Sym::new("rumour"), Some(Arc::new(story))));
    // It is looked at whenever anything is, and never said.
    let other = json!({"who": "maren", "trigger": {"holds": {}}, "when": {"region": "moor"}, "lines": "Hm."});
    let other = serde_json::from_value(other).expect("a storylet");
    first.push(NpcsIn::DefineStorylet(Sym::new("elsewhere"), Some(Arc::new(other))));
    first.push(prompt("gossip", gossip));
    let reply = |request: &str| NpcsIn::Reply(answer(request, "gold", Ok("Well.")));
    let script = Script::from([
        (1, first),
        (5, vec![reply("maren/ann/1"), reply("maren/bo/1")]),
        (1_000, vec![row(deeds(), true, &["ann", "maren", "0", "the newest", "1"])]),
        (1_005, vec![reply("maren/ann/2")]),
        (2_000, vec![row(deeds(), true, &["cy", "maren", "0", "of one who is not there", "1"])]),
        (3_000, vec![row(near(), true, &["inn", "2", "what this prompt does not read"])]),
        (4_000, vec![row(goods(), true, &["iron", "3"])]),
        (4_005, vec![reply("maren/ann/3"), reply("maren/bo/2")]),
    ]);
    let run = check_law(machine, &script, 4_100, told);
    let asked = |tick| opened(&run, tick, "request");
    assert_eq!(asked(1), ["maren/ann/1", "maren/bo/1"]);
    assert_eq!(asked(1_000), ["maren/ann/2"], "of their own rows only");
    assert!(asked(2_000).is_empty() && asked(3_000).is_empty());
    assert_eq!(asked(4_000), ["maren/ann/3", "maren/bo/2"], "what is everybody's");
    let mut busy = machine();
    drive(&mut busy, &script, 0, 1_999);
    let before = busy.looked_at();
    drive(&mut busy, &Script::from([(2_000, script[&2_000].clone())]), 1_999, 2_000);
    assert_eq!(busy.looked_at(), before, "rows of others make nobody look");
    drive(&mut busy, &Script::from([(3_000, script[&4_000].clone())]), 2_000, 3_000);
    assert!(busy.looked_at() > before);
}
