//! What readers find.

use worldflow_schemas::{Sym, Value};

use super::stored::INDEX_FROM;
use super::*;

fn level(player: &str, level: i64) -> Row {
    Row::from([
        Value::Sym("realm".into()),
        Value::Sym(player.into()),
        Value::Int(level),
        Value::Int(0),
        Value::Int(0),
        Value::Int(0),
    ])
}

#[test]
fn snapshot_then_deltas_and_none_when_too_far_behind() {
    let store = ViewStore::new(3);
    for tick in 1..=4 {
        let old = (tick > 1).then(|| (catalog::LEVELS, level("a", tick - 1), -1));
        let new = (catalog::LEVELS, level("a", tick), 1);
        store.apply(tick.unsigned_abs(), old.into_iter().chain([new]));
    }
    let view = store.read(catalog::LEVELS);
    assert_eq!(view.rows(&Filter::all()).collect::<Vec<_>>(), [&level("a", 4)]);
    assert_eq!(view.since(3).map(|deltas| deltas.len()), Some(1));
    assert_eq!(view.since(1).map(|deltas| deltas.len()), None);
    assert_eq!(view.since(4).map(|deltas| deltas.len()), Some(0));
}

#[test]
fn what_was_loaded_is_no_delta_and_earlier_readers_go_on_where_they_may() {
    let store = ViewStore::loaded(16, Some(5));
    store.apply(5, [(catalog::LEVELS, level("a", 1), 1)]);
    store.apply(7, [(catalog::LEVELS, level("a", 1), -1), (catalog::LEVELS, level("a", 2), 1)]);
    store.resume_from(7, [catalog::PRESENCE]);
    let resumed = |view, tick| store.read(view).resumed_since(tick).map(|deltas| deltas.len());
    assert_eq!([4, 5, 6, 7].map(|tick| resumed(catalog::LEVELS, tick)), [None, Some(1), Some(1), Some(0)]);
    assert_eq!([5, 6, 7].map(|tick| resumed(catalog::PRESENCE, tick)), [None, None, Some(0)]);
}

#[test]
fn the_hash_depends_on_rows_alone_and_on_every_one() {
    let (one, other) = (ViewStore::new(100), ViewStore::new(100));
    one.apply(1, [(catalog::LEVELS, level("a", 1), 1), (catalog::LEVELS, level("b", 1), 1)]);
    other.apply(1, [(catalog::LEVELS, level("b", 2), 1)]);
    other.apply(2, [(catalog::LEVELS, level("a", 1), 1)]);
    assert_ne!(one.state_hash(), other.state_hash());
    other.apply(3, [(catalog::LEVELS, level("b", 2), -1), (catalog::LEVELS, level("b", 1), 1)]);
    assert_eq!(one.state_hash(), other.state_hash());
}

#[test]
fn a_filter_that_names_the_key_or_the_player_is_a_lookup() {
    let store = ViewStore::new(16);
    let grant = |number: usize, player: usize, status: &str| {
        let mut values = vec![Value::Null; catalog::GRANTS.def().columns.len()];
        let column = |name| catalog::GRANTS.def().column(name).expect("a column");
        values[0] = Value::Sym("realm".into());
        values[1] = Value::Sym(Sym::new(&format!("grant-{number}")));
        values[column("player")] = Value::Sym(Sym::new(&format!("player-{player}")));
        values[column("status")] = Value::Sym(status.into());
        Row::new(values)
    };
    let column = catalog::GRANTS.def().column("player").expect("a column");
    let named = |name: String| Value::Sym(Sym::new(&name));
    let rows = |status, range: std::ops::Range<usize>| {
        range.map(move |number| grant(number, number % 100, status)).collect::<Vec<_>>()
    };
    let most = 2 * INDEX_FROM;
    store.apply(1, rows("offered", 0..most).into_iter().map(|row| (catalog::GRANTS, row, 1)));
    let players = [3, 4, 1000].map(|player| named(format!("player-{player}")));
    let by_player = Filter::all().and(column, players);
    let keys = [5, 6, most + 1].map(|number| named(format!("grant-{number}")));
    let by_key = Filter::all().and(0, [Value::Sym("realm".into())]).and(1, keys);
    let check = |filter: &Filter, looked_at: usize| {
        let view = store.read(catalog::GRANTS);
        assert_eq!(view.find(filter).map(|rows| rows.len()), Some(looked_at));
        let mut found: Vec<&Row> = view.rows(filter).collect();
        let all = view.all();
        let mut expected: Vec<&Row> = all.filter(|row| filter.passes(row)).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(found.len(), looked_at);
    };
    let of_two = (0..most).filter(|number| [3, 4].contains(&(number % 100))).count();
    check(&by_player, of_two);
    check(&by_key, 2);
    // Rows change, move to another player, and go: the index follows.
    let changed = rows("offered", 0..10).into_iter().map(|row| (catalog::GRANTS, row, -1));
    let new = rows("done", 0..5).into_iter().map(|row| (catalog::GRANTS, row, 1));
    store.apply(2, changed.chain(new));
    check(&by_player, of_two);
    let moved = [(grant(3, 3, "done"), -1), (grant(3, 8, "done"), 1), (grant(4, 4, "done"), -1)];
    store.apply(3, moved.map(|(row, diff)| (catalog::GRANTS, row, diff)));
    check(&by_player, of_two - 2);
    check(&by_key, 0);
    // Any other filter looks at every row.
    let status = catalog::GRANTS.def().column("status").expect("a column");
    let by_status = Filter::all().and(status, [Value::Sym("offered".into())]);
    let view = store.read(catalog::GRANTS);
    assert!(view.find(&by_status).is_none());
    assert_eq!(view.rows(&by_status).count(), most - 10);
}

#[test]
fn a_filter_on_a_list_column_asks_whether_it_contains() {
    let filter = Filter::all().and(0, [Value::Sym("beast".into())]);
    assert!(filter.passes(&Row::from([Value::text(r#"["beast","wolf"]"#)])));
    assert!(!filter.passes(&Row::from([Value::text(r#"["undead"]"#)])));
}

fn rain(name: &str, kind: catalog::ColumnType) -> ViewId {
    let column = |name, kind| catalog::DesignedColumn::new(name, kind, "");
    let view = catalog::DesignedView {
        name: name.to_owned(),
        key: 2,
        columns: vec![
            column("realm", catalog::ColumnType::Text),
            column("zone", catalog::ColumnType::Text),
            column("mm", kind),
        ],
        filters: Vec::new(),
        doc: String::new(),
    };
    view.id().expect("a view")
}

fn fallen(zone: &str, mm: i64) -> Row {
    Row::from([Value::Sym("realm".into()), Value::Sym(zone.into()), Value::Int(mm)])
}

#[test]
fn views_of_designers_come_with_their_rows_and_go_with_them() {
    let store = ViewStore::new(16);
    let (int, dec) =
        (rain("stored_rain", catalog::ColumnType::Int), rain("stored_rain", catalog::ColumnType::Dec));
    let edit = |view| [CatalogEdit { name: "stored_rain".into(), view }];
    let rows = |view, rows: Vec<(Row, Diff)>| {
        ViewChanges::by_view(rows.into_iter().map(|(row, diff)| (view, row, diff)))
    };
    // Rows of a view that is in no catalog go nowhere.
    assert_eq!(store.apply_views(1, rows(int, vec![(fallen("moor", 1), 1)])), []);
    assert!(store.get(int).is_none());
    let empty = store.state_hash();
    assert_eq!(store.apply_edits(2, &edit(Some(int)), rows(int, vec![(fallen("moor", 1), 1)])), [int]);
    let before = store.catalog();
    assert_eq!((store.get(int).map(|view| view.len()), before.view("stored_rain")), (Some(1), Some(int)));
    store.apply_views(3, rows(int, vec![(fallen("fen", 2), 1)]));
    assert_eq!(store.get(int).and_then(|view| Some(view.since(2)?.len())), Some(1));
    // Another shape is another view; what is still said of the former goes nowhere.
    let mut both = rows(dec, vec![(fallen("moor", 1), 1)]);
    both.extend(rows(int, vec![(fallen("moor", 1), -1)]));
    store.apply_edits(4, &edit(Some(dec)), both);
    assert!(store.get(int).is_none() && !store.catalog().contains(int) && before.contains(int));
    assert_eq!(store.get(dec).map(|view| (view.len(), view.last_change())), Some((1, 4)));
    // The same again changes nothing.
    assert_eq!(store.apply_edits(5, &edit(Some(dec)), Vec::new()), []);
    assert_eq!(store.get(dec).map(|view| view.len()), Some(1));
    store.apply_edits(6, &edit(None), Vec::new());
    assert!(store.get(dec).is_none());
    assert_eq!(store.state_hash(), empty);
}

#[test]
fn a_tick_may_exchange_every_view_of_a_realm() {
    let store = ViewStore::new(16);
    let all = |kind, number: usize| {
        let of = |n| {
            let name = format!("exchanged_{number}_{n}");
            CatalogEdit { name: Sym::new(&name), view: Some(rain(&name, kind)) }
        };
        (0..MOST_OWN_VIEWS).map(of).collect::<Vec<_>>()
    };
    let first = all(catalog::ColumnType::Int, 0);
    store.apply_edits(1, &first, Vec::new());
    for (tick, number) in [(2, 1), (3, 2), (4, 3)] {
        let present: Vec<Sym> = store.catalog().own().map(|view| view.def().name.into()).collect();
        let gone = present.into_iter().map(|name| CatalogEdit { name, view: None });
        let come = all(catalog::ColumnType::Int, number);
        let edits: Vec<CatalogEdit> = come.iter().copied().chain(gone).collect();
        let row = (come[7].view.expect("a view"), fallen("moor", 7), 1);
        store.apply_edits(tick, &edits, ViewChanges::by_view([row.clone()]));
        let catalog = store.catalog();
        assert_eq!(catalog.own().count(), MOST_OWN_VIEWS);
        assert!(catalog.own().all(|view| store.get(view).is_some_and(|stored| stored.id() == view)));
        assert_eq!(store.get(row.0).map(|view| view.len()), Some(1));
    }
    // There is no room for one more, and what there is stays.
    let name = "one_more_than_may_be";
    let more = CatalogEdit { name: name.into(), view: Some(rain(name, catalog::ColumnType::Int)) };
    assert_eq!(store.apply_edits(5, &[more], Vec::new()), []);
    assert_eq!(store.catalog().own().count(), MOST_OWN_VIEWS);
}
