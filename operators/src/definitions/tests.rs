use std::sync::Arc;

use worldflow_schemas::definitions::{QuestDef, ScheduleDef, SqlViewDef};
use worldflow_schemas::input::Only;

use super::*;

fn schedule(id: &str, at: &str) -> DefinitionEdit {
    let def = ScheduleDef { kind: String::new(), at: at.to_owned(), every: None, times: None };
    DefinitionEdit::Schedule(Sym::new(id), Some(Arc::new(def)))
}

/// A step; its base changes are those of definitions, without what is kept of revisions.
fn step(machine: &mut DefinitionsMachine, inputs: Vec<DefinitionEdit>) -> Output<DefinitionEdit> {
    let mut output = Output::default();
    machine.step(1, inputs.into_iter().map(DefinitionsIn::Edit).collect(), &mut output);
    let all = output.base.into_iter();
    let base = all.filter(|change| {
        let kind = postcard::from_bytes::<Key>(&change.key).expect("a key").0;
        !matches!(kind, Kind::Revision | Kind::Count)
    });
    let out = output.out.into_iter().map(|out| match out {
        DefinitionsOut::Defined(Defined { edit, from: Sym::NONE }) => edit,
        other => panic!("{other:?}"),
    });
    Output { base: base.collect(), out: out.collect(), ..Output::default() }
}

fn machine() -> DefinitionsMachine {
    DefinitionsMachine::new("realm".into(), 10)
}

fn quest(id: &str, scope: &str, moved_from: Option<&str>) -> DefinitionEdit {
    let def = serde_json::json!({"title": id, "scope": scope, "moved_from": moved_from,
        "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}});
    DefinitionEdit::Quest(Sym::new(id), Some(Arc::new(serde_json::from_value(def).expect("a quest"))))
}

fn gone(id: &str) -> DefinitionEdit {
    DefinitionEdit::Quest(Sym::new(id), None)
}

fn revise(id: u64, if_revision: Option<u64>, edits: Vec<DefinitionEdit>) -> Revise {
    let (source, author, source_revision) = ("test".into(), "ann".into(), "abc".into());
    Revise {
        source,
        id: worldflow_schemas::EventId::Position(id),
        author,
        source_revision,
        if_revision,
        fixed: None,
        edits,
    }
}

fn revised(machine: &mut DefinitionsMachine, tick: Tick, revisions: Vec<Revise>) -> Output<DefinitionsOut> {
    let mut output = Output::default();
    machine.step(tick, revisions.into_iter().map(DefinitionsIn::Revise).collect(), &mut output);
    output
}

/// The rows as `+1 NUMBER AUTHOR DIFFERENCE`.
fn rows(output: &Output<DefinitionsOut>) -> Vec<String> {
    let rows = output.rows.iter();
    rows.map(|((_, row), diff)| format!("{diff:+} {} {} {}", row[1], row[2], row[7])).collect()
}

fn told(output: &Output<DefinitionsOut>) -> Vec<String> {
    let mut told: Vec<String> = (output.out.iter())
        .map(|out| match out {
            DefinitionsOut::Defined(Defined { edit: DefinitionEdit::Quest(id, def), from }) => {
                format!("{id} {} {from}", if def.is_some() { "is" } else { "goes" })
            }
            DefinitionsOut::Refused(refused) => format!("refused {}", refused.code),
            other => format!("{other:?}"),
        })
        .collect();
    told.sort();
    told
}

#[test]
fn a_revision_is_done_as_a_whole_or_not_at_all() {
    let mut machine = machine();
    let first = revised(&mut machine, 1, vec![revise(1, Some(0), vec![quest("a", "player", None)])]);
    assert_eq!(rows(&first), [r#"+1 1 ann {"quests":{"added":["a"]}}"#]);
    // Planned for a revision that is gone: nothing of it is done.
    let late = vec![revise(2, Some(0), vec![quest("b", "player", None), gone("a")])];
    let late = revised(&mut machine, 2, late);
    assert_eq!(
        (told(&late), rows(&late), late.base.len()),
        (vec!["refused revision_moved".to_owned()], vec![], 0)
    );
    // Of two in one tick for the same revision the first counts.
    let both = vec![
        revise(4, Some(1), vec![quest("c", "player", None)]),
        revise(3, Some(1), vec![quest("b", "player", None), gone("a")]),
    ];
    let both = revised(&mut machine, 3, both);
    assert_eq!(told(&both), ["a goes ", "b is ", "refused revision_moved"]);
    assert_eq!(rows(&both), [r#"+1 2 ann {"quests":{"added":["b"],"removed":["a"]}}"#]);
    // What changes nothing is no revision.
    let same = revised(&mut machine, 4, vec![revise(5, None, vec![quest("b", "player", None)])]);
    assert_eq!((told(&same), rows(&same)), (vec![], vec![]));
}

#[test]
fn a_quest_that_is_moved_is_told_with_its_former_id_and_an_undo_moves_it_back() {
    let mut machine = machine();
    drop(step(&mut machine, vec![quest("a", "player", None), quest("p", "party", None)]));
    let moved =
        revised(&mut machine, 2, vec![revise(1, None, vec![quest("b", "player", Some("a")), gone("a")])]);
    assert_eq!(told(&moved), ["b is a"]);
    assert_eq!(rows(&moved), [r#"+1 2 ann {"quests":{"renamed":{"b":"a"}}}"#]);
    let back = revised(&mut machine, 3, vec![revise(2, None, vec![quest("a", "player", None), gone("b")])]);
    assert_eq!(told(&back), ["a is b"]);
    // Another scope is another quest; what is there still has not moved.
    let other =
        revised(&mut machine, 4, vec![revise(3, None, vec![quest("q", "player", Some("p")), gone("p")])]);
    assert_eq!(told(&other), ["p goes ", "q is "]);
    let stays = revised(&mut machine, 5, vec![revise(4, None, vec![quest("z", "player", Some("a"))])]);
    assert_eq!(told(&stays), ["z is "]);
}

#[test]
fn the_last_hundred_revisions_stay_and_come_back() {
    let mut machine = machine();
    let mut state: BTreeMap<Vec<u8>, BaseRow> = BTreeMap::new();
    for number in 1..=103 {
        let edit = if number % 2 == 1 { quest("a", "player", None) } else { gone("a") };
        let output = revised(&mut machine, number, vec![revise(number, Some(number - 1), vec![edit])]);
        for change in output.base {
            let key = change.key.to_vec();
            match change.value {
                Some(value) => drop(state.insert(
                    key,
                    BaseRow { operator: "definitions".into(), route: change.route, key: change.key, value },
                )),
                None => drop(state.remove(&key)),
            }
        }
        assert_eq!(output.rows.len(), if number > 100 { 2 } else { 1 });
    }
    let mut again = DefinitionsMachine::new("realm".into(), 10);
    state.into_values().for_each(|row| again.load(row));
    let mut output = Output::default();
    again.loaded(103, Vec::new(), &mut output);
    let numbers: Vec<String> = output.rows.iter().map(|((_, row), _)| row[1].to_string()).collect();
    assert_eq!((numbers.len(), numbers[0].as_str(), numbers[99].as_str()), (100, "4", "103"));
    let next = revised(&mut again, 104, vec![revise(104, Some(103), vec![gone("a")])]);
    assert_eq!(rows(&next)[0], r#"+1 104 ann {"quests":{"removed":["a"]}}"#);
}

#[test]
fn another_world_is_a_revision_though_no_definition_differs() {
    let mut machine = machine();
    let start = |number, fixed| Revise { fixed: Some(fixed), ..revise(number, None, Vec::new()) };
    assert_eq!(rows(&revised(&mut machine, 1, vec![start(1, 7)])), [] as [String; 0]);
    assert_eq!(rows(&revised(&mut machine, 2, vec![start(2, 7)])), [] as [String; 0]);
    assert_eq!(rows(&revised(&mut machine, 3, vec![start(3, 8)])), [r#"+1 1 ann {"world":"changed"}"#]);
}

#[test]
fn what_changes_nothing_is_not_passed_on_and_only_removes_the_rest() {
    let mut machine = machine();
    assert_eq!(
        step(&mut machine, vec![schedule("fair", "1 08:00"), schedule("ball", "2 08:00")]).out.len(),
        2
    );
    assert_eq!(step(&mut machine, vec![schedule("fair", "1 08:00")]).out, []);
    let only = DefinitionEdit::Only(Box::new(Only { schedules: vec!["fair".into()], ..Only::default() }));
    let removed = step(&mut machine, vec![only, schedule("fair", "1 09:00")]);
    assert!(removed.out.contains(&schedule("fair", "1 09:00")), "{:?}", removed.out);
    assert!(removed.out.contains(&DefinitionEdit::Schedule("ball".into(), None)), "{:?}", removed.out);
    assert_eq!((removed.out.len(), removed.base.len()), (2, 2));
}

#[test]
fn of_each_definition_others_are_told_once_a_tick() {
    let mut machine = machine();
    let none = DefinitionEdit::Only(Box::default());
    assert_eq!(step(&mut machine, vec![none.clone(), schedule("fair", "1 08:00")]).out, []);
    let both = vec![schedule("fair", "1 08:00"), schedule("fair", "1 09:00")];
    assert_eq!(step(&mut machine, both).out, [schedule("fair", "1 09:00")]);
    let gone = step(&mut machine, vec![schedule("fair", "1 07:00"), none]);
    assert_eq!(gone.out, [DefinitionEdit::Schedule("fair".into(), None)]);
    assert_eq!((gone.base.len(), gone.base[0].value.is_none()), (1, true));
}

#[test]
fn a_quest_with_all_that_is_optional_comes_back_from_base_state_as_it_was() {
    let def: QuestDef = serde_saphyr::from_str(
        r#"{
        "title": "All", "scope": "guild", "accept": "auto", "turn_in": "manual",
        "requires": {
            "phase": ["dusk", "night"], "hours": "20:00-06:00", "season": "spring",
            "moon": {"luna": "full"}, "region": "moor", "level": {"at_least": 3, "below": 9},
            "weather": {"kind": "rain", "intensity": {"above": 0.25}, "lasting": "10m world"},
            "facts": {"mood": 4, "name": {"one_of": ["a", 1, 0.5, true]}, "open": {"is_not": false}},
            "quests": {"other": ["done", "failed"]},
            "any": [{"phase": "day"}, {"not": {"all": [{"region": "fen"}]}}],
        },
        "exclusive_group": "one", "deadline": "2d world",
        "fail_on": [{"event": "death", "where": {"by": "fire"}}],
        "fail_when": {"facts": {"war": true}},
        "repeat": {"weekly": {"day": "monday", "at": "04:00", "zone": "Europe/Berlin"}},
        "stages": {
            "zeta": {"title": "First", "complete": {"at_least": 1}, "objectives": {
                "z": {"event": "kill", "target": ["wolf", "beast"], "count": 3, "within": "5m",
                      "where": {"damage": {"at_least": 0.5}}, "when": {"phase": "night"}},
                "a": {"event": "gather", "distinct": 2, "of": "kind", "optional": true},
            }},
            "alpha": {"complete": "sequence", "objectives": {
                "s": {"title": "Sum", "event": "pay", "sum": 10, "of": "coins"},
                "m": {"event": "jump", "max": 7, "hidden_until": ["s"]},
                "e": {"event": "kill", "count": 9, "since": "ever", "lifetime": "kills"},
            }},
        },
        "rewards": {"experience": 5, "slots": {"hat": {"item": "hat", "amount": 2}},
                    "to": {"contributors": {"at_least": 4}}},
        "effects": [{"set": {"fact": "saved", "to": true}}, {"add": {"fact": "mood", "by": 0.5}}],
    }"#,
    )
    .expect("a quest");
    let edit = DefinitionEdit::Quest(Sym::new("all"), Some(Arc::new(def)));
    let bytes = postcard::to_stdvec(&edit).expect("an edit is plain data");
    assert_eq!(postcard::from_bytes::<DefinitionEdit>(&bytes), Ok(edit));
}

#[test]
fn a_loaded_machine_tells_what_the_first_one_knew() {
    let mut machine = machine();
    let first = step(&mut machine, vec![schedule("fair", "1 08:00"), schedule("ball", "2 08:00")]);
    let mut again = DefinitionsMachine::new("realm".into(), 10);
    for change in first.base {
        let value = change.value.expect("added");
        again.load(BaseRow { operator: "definitions".into(), route: change.route, key: change.key, value });
    }
    let mut output = Output::default();
    again.loaded(1, Vec::new(), &mut output);
    assert_eq!(output.out.len(), 4, "each is told to the graph, and aside as loaded");
    assert!(output.out.contains(&DefinitionsOut::Loaded(schedule("ball", "2 08:00"))));
    let ball = Defined { edit: schedule("ball", "2 08:00"), from: Sym::NONE };
    assert!(output.out.contains(&DefinitionsOut::Defined(ball)));
}

#[test]
fn a_view_in_sql_is_kept_like_the_others() {
    let sql = "CREATE VIEW rain AS SELECT realm, zone FROM weather".to_owned();
    let view = DefinitionEdit::View(Sym::new("rain"), Some(Arc::new(SqlViewDef { sql })));
    let mut machine = machine();
    let added = step(&mut machine, vec![view.clone()]);
    assert_eq!((added.out, added.base.len()), (vec![view.clone()], 1));
    let bytes = postcard::to_stdvec(&view).expect("an edit is plain data");
    assert_eq!(postcard::from_bytes::<DefinitionEdit>(&bytes), Ok(view.clone()));
    let all = serde_json::json!({"Only": {
        "quests": [], "climates": [], "schedules": [], "npcs": [], "views": ["rain"],
    }});
    assert_eq!(step(&mut machine, vec![serde_json::from_value(all).expect("an edit")]).out, []);
    // As it was written before there were views.
    let older = serde_json::json!({"Only": {"quests": [], "climates": [], "schedules": [], "npcs": []}});
    let gone = step(&mut machine, vec![serde_json::from_value(older).expect("an edit")]);
    assert_eq!(gone.out, [DefinitionEdit::View("rain".into(), None)]);
}
