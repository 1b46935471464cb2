//! Random queries, written for worldflow and for SQLite at once.
//!
//! Where the two mean different things the same meaning is written in two ways: `INTERVAL '200 ms'` is `200`, the
//! present is a number, `greatest` leaves NULL out, and orders say where NULL goes.

use std::collections::BTreeSet;

use worldflow_operators::sql::Kind;

use crate::both::Both;
use crate::dice::Dice;
use crate::known::Expressions;
use crate::rows::TABLES;

/// What every run must have had in its queries.
pub(crate) const WORDS: [&str; 36] = [
    "where",
    "inner join",
    "using",
    "comma join",
    "left join",
    "derived",
    "group by",
    "group by everything",
    "having",
    "count",
    "count distinct",
    "sum",
    "avg",
    "min",
    "max",
    "filter",
    "distinct",
    "union all",
    "union",
    "except",
    "intersect",
    "in",
    "not in",
    "exists",
    "not exists",
    "row_number",
    "limit",
    "with",
    "now",
    "world_now",
    "tumble",
    "hop",
    "self join",
    "sum distinct",
    "values",
    "view over a view",
];

/// A column that can be named.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A query and the columns of its result.
struct Selected {
    text: Both,
    columns: Vec<Named>,
}

/// What is selected from.
struct From {
    text: Both,
    columns: Vec<Named>,
    conditions: Vec<Both>,
    /// Columns `player` that are never NULL.
    players: Vec<String>,
}

pub(crate) struct Queries {
    pub(crate) dice: Dice,
    pub(crate) words: BTreeSet<&'static str>,
    names: usize,
    /// A view that may be read: what SQLite has in its place, and its columns.
    view: Option<(Both, Vec<Named>)>,
}

/// The name of the view that is read.
pub(crate) const VIEW: &str = "v0";

impl Queries {
    pub(crate) fn new(seed: u64) -> Queries {
        Queries { dice: Dice::new(seed), words: BTreeSet::new(), names: 0, view: None }
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.words.iter().copied()
    }

    fn word(&mut self, word: &'static str) {
        self.words.insert(word);
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// A view that queries may read from now on: rows of a random query, without NULL, each once.
    pub(crate) fn view(&mut self) -> Option<String> {
        let inner = self.select(1);
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for column in &inner.columns {
            let instead = match column.kind {
                Kind::Int => "-7",
                Kind::Dec => "0.25",
                Kind::Bool => "FALSE",
                kind if kind.is_text() => "'none'",
                _ => continue,
            };
            items.push(format!("coalesce(i.{0}, {instead}) AS {0}", column.name));
            columns.push(Named { name: column.name.clone(), kind: column.kind });
        }
        if items.is_empty() {
            return None;
        }
        let rows = Both::filled(&format!("SELECT {} FROM ($) AS i", items.join(", ")), &[&inner.text]);
        let theirs =
            Both::filled(&format!("(SELECT DISTINCT {} FROM ($) AS i)", items.join(", ")), &[&inner.text]);
        self.view = Some((Both::of(VIEW, theirs.raw()), columns));
        Some(format!("CREATE VIEW {VIEW} AS {}", rows.ours))
    }

    /// A query.
    pub(crate) fn query(&mut self) -> Both {
        match self.dice.below(100) {
            0..45 => self.select(0).text,
            45..62 => self.set(),
            62..75 => self.ranked().text,
            75..84 => self.limited(),
            84..92 => self.with(),
            _ => self.hopped(),
        }
    }

    fn select(&mut self, depth: usize) -> Selected {
        let from = self.from(depth);
        let mut conditions = from.conditions.clone();
        if self.dice.percent(60) {
            self.word("where");
            for _ in 0..1 + self.dice.below(2) {
                conditions.push(self.condition(&from));
            }
        }
        let filter = if conditions.is_empty() {
            Both::same("")
        } else {
            Both::filled(" WHERE $", &[&Both::joined(&conditions, " AND ")])
        };
        match self.dice.below(100) {
            0..40 => self.grouped(&from, &filter),
            40..47 => self.everything(&from, &filter),
            47..62 => {
                self.word("distinct");
                self.plain(&from, &filter, "SELECT DISTINCT")
            }
            _ => self.plain(&from, &filter, "SELECT"),
        }
    }

    fn table(&mut self) -> (Both, Vec<Named>, String, bool) {
        let place = self.dice.below(3);
        let (table, _, columns) = TABLES[place];
        let alias = self.name("t");
        let named = columns.iter().map(|(name, kind)| Named { name: format!("{alias}.{name}"), kind: *kind });
        (
            Both::same(format!("{table} AS {alias}")),
            named.collect(),
            format!("{alias}.player"),
            table != "kills",
        )
    }

    /// Rows that are written out: of players, some of them twice, with numbers.
    fn constants(&mut self) -> (Both, String) {
        self.word("values");
        let alias = self.name("v");
        let mut rows = Vec::new();
        for _ in 0..1 + self.dice.below(5) {
            let player = *self.dice.pick(&["ana", "bo", "cy", "dee"]);
            let number = *self.dice.pick(&["1", "2", "-3", "NULL", "7 + 1"]);
            rows.push(format!("('{player}', {number})"));
        }
        // A column that is NULL everywhere has no kind.
        rows.push("('nobody', 0)".to_owned());
        (Both::same(format!("(VALUES {}) AS {alias}", rows.join(", "))), alias)
    }

    /// The view, in place of a table.
    fn over(&mut self) -> Option<From> {
        let (view, columns) = self.view.clone()?;
        self.word("view over a view");
        let alias = self.name("o");
        let named = |column: Named| Named { name: format!("{alias}.{}", column.name), ..column };
        let columns = columns.into_iter().map(named).collect();
        let text = Both::filled(&format!("$ AS {alias}"), &[&view]);
        Some(From { text, columns, conditions: Vec::new(), players: Vec::new() })
    }

    fn from(&mut self, depth: usize) -> From {
        if self.view.is_some()
            && self.dice.percent(70)
            && let Some(from) = self.over()
        {
            return from;
        }
        if depth == 0 && self.dice.percent(15) {
            self.word("derived");
            let inner = self.select(1);
            let alias = self.name("d");
            let columns = inner
                .columns
                .iter()
                .map(|column| Named { name: format!("{alias}.{}", column.name), kind: column.kind });
            let columns = columns.collect();
            let text = Both::filled(&format!("($) AS {alias}"), &[&inner.text]);
            return From { text, columns, conditions: Vec::new(), players: Vec::new() };
        }
        let (mut text, mut columns, player, sure) = self.table();
        let mut from_players = if sure { vec![player.clone()] } else { Vec::new() };
        let mut conditions = Vec::new();
        for _ in 0..[0, 1, 2][[0, 0, 1, 1, 2][self.dice.below(5)]] {
            let (table, more, other, other_sure) = self.table();
            let is_self = text.ours.split(' ').next() == table.ours.split(' ').next();
            if is_self {
                self.word("self join");
            }
            match self.dice.below(4) {
                0 => {
                    self.word("inner join");
                    let mut on = vec![Both::same(format!("{player} = {other}"))];
                    if self.dice.percent(40) {
                        on.push(Expressions::new(&mut self.dice, &more).truth(1));
                    }
                    text = Both::filled("$ JOIN $ ON $", &[&text, &table, &Both::joined(&on, " AND ")]);
                    if other_sure {
                        from_players.push(other);
                    }
                }
                1 if from_players.len() < 2
                    && columns.iter().filter(|column| column.name.ends_with(".player")).count() == 1 =>
                {
                    self.word("using");
                    text = Both::filled("$ JOIN $ USING (player)", &[&text, &table]);
                }
                2 => {
                    self.word("comma join");
                    // After a LEFT JOIN a comma binds less than a JOIN does.
                    text = Both::filled("$ CROSS JOIN $", &[&text, &table]);
                    conditions.push(Both::same(format!("{other} = {player}")));
                }
                _ => {
                    self.word("left join");
                    let mut on = vec![Both::same(format!("{player} = {other}"))];
                    if self.dice.percent(40) {
                        on.push(Expressions::new(&mut self.dice, &more).truth(1));
                    }
                    if self.dice.percent(30) {
                        on.push(Expressions::new(&mut self.dice, &columns).truth(1));
                    }
                    text = Both::filled("$ LEFT JOIN $ ON $", &[&text, &table, &Both::joined(&on, " AND ")]);
                }
            }
            columns.extend(more);
        }
        if self.dice.percent(8) {
            let (table, alias) = self.constants();
            columns.push(Named { name: format!("{alias}.column2"), kind: Kind::Int });
            text = Both::filled(&format!("$ JOIN $ ON {alias}.column1 = {player}"), &[&text, &table]);
        }
        From { text, columns, conditions, players: from_players }
    }

    fn condition(&mut self, from: &From) -> Both {
        let subquery = self.dice.below(100);
        let moments: Vec<Named> =
            from.columns.iter().filter(|column| column.kind.is_moment()).cloned().collect();
        if subquery < 25 && !moments.is_empty() {
            return self.bound(&moments);
        }
        let players: Vec<&Named> =
            from.columns.iter().filter(|column| column.name.ends_with(".player")).collect();
        if subquery < 55 && !players.is_empty() {
            let player = self.dice.pick(&players).name.clone();
            return self.subquery(&player, from);
        }
        Expressions::new(&mut self.dice, &from.columns).truth(2)
    }

    fn bound(&mut self, moments: &[Named]) -> Both {
        let moment = self.dice.pick(moments).clone();
        let world = moment.kind == Kind::World;
        self.word(if world { "world_now" } else { "now" });
        let present = if world { Both::of("world_now()", "{WORLD}") } else { Both::of("now()", "{NOW}") };
        let theirs =
            if moment.kind == Kind::Tick { format!("({} * 10)", moment.name) } else { moment.name.clone() };
        let moment = Both::of(moment.name, theirs);
        let ms = 50 * (1 + self.dice.below(8));
        let span = Both::of(format!("INTERVAL '{ms} ms'"), ms.to_string());
        let form = ["$ <= $ + $", "$ < $ + $", "$ >= $ - $", "$ > $ + $"][self.dice.below(4)];
        if self.dice.percent(25) {
            return Both::filled("$ - $ <= $", &[&present, &span, &moment]);
        }
        if self.dice.percent(20) {
            return Both::filled(["$ > $", "$ <= $"][self.dice.below(2)], &[&moment, &present]);
        }
        Both::filled(form, &[&present, &moment, &span])
    }

    fn subquery(&mut self, player: &str, from: &From) -> Both {
        let (table, columns, other, sure) = self.table();
        let test = Expressions::new(&mut self.dice, &columns).truth(1);
        let outer = Both::same(player);
        let other_column = Both::same(other);
        match self.dice.below(4) {
            0 => {
                self.word("in");
                Both::filled("$ IN (SELECT $ FROM $ WHERE $)", &[&outer, &other_column, &table, &test])
            }
            1 if sure && from.players.iter().any(|known| known == player) => {
                self.word("not in");
                Both::filled("$ NOT IN (SELECT $ FROM $ WHERE $)", &[&outer, &other_column, &table, &test])
            }
            2 => {
                self.word("exists");
                Both::filled(
                    "EXISTS (SELECT * FROM $ WHERE $ = $ AND $)",
                    &[&table, &other_column, &outer, &test],
                )
            }
            _ => {
                self.word("not exists");
                Both::filled(
                    "NOT EXISTS (SELECT 1 FROM $ WHERE $ AND $ = $)",
                    &[&table, &test, &outer, &other_column],
                )
            }
        }
    }

    fn plain(&mut self, from: &From, filter: &Both, select: &str) -> Selected {
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.dice.below(4) {
            let (item, kind) = self.item(&from.columns);
            let name = self.name("c");
            items.push(Both::filled(&format!("$ AS {name}"), &[&item]));
            columns.push(Named { name, kind });
        }
        let text =
            Both::filled(&format!("{select} $ FROM $$"), &[&Both::joined(&items, ", "), &from.text, filter]);
        Selected { text, columns }
    }

    fn item(&mut self, columns: &[Named]) -> (Both, Kind) {
        if self.dice.percent(50) {
            let column = self.dice.pick(columns).clone();
            return (Both::same(column.name), column.kind);
        }
        let kind = [Kind::Int, Kind::Int, Kind::Text, Kind::Bool, Kind::Dec][self.dice.below(5)];
        (Expressions::new(&mut self.dice, columns).of(kind, 2), kind)
    }

    fn aggregate(&mut self, columns: &[Named]) -> (Both, Kind) {
        let mut expressions = Expressions::new(&mut self.dice, columns);
        let (int, dec, text) =
            (expressions.of(Kind::Int, 1), expressions.of(Kind::Dec, 0), expressions.of(Kind::Text, 0));
        let number = if self.dice.percent(50) { (int.clone(), Kind::Int) } else { (dec, Kind::Dec) };
        let (word, text, kind) = match self.dice.below(12) {
            0 | 1 => ("count", Both::same("count(*)"), Kind::Int),
            2 => ("count", Both::filled("count($)", &[&text]), Kind::Int),
            3 => ("count distinct", Both::filled("count(DISTINCT $)", &[&text]), Kind::Int),
            4 | 5 => ("sum", Both::filled("sum($)", &[&number.0]), number.1),
            6 => ("sum distinct", Both::filled("sum(DISTINCT $)", &[&int]), Kind::Int),
            7 => ("avg", Both::filled("avg($)", &[&number.0]), Kind::Dec),
            8 => ("min", Both::filled("min($)", &[&number.0]), number.1),
            9 => ("max", Both::filled("max($)", &[&number.0]), number.1),
            10 => ("min", Both::filled("min($)", &[&text]), Kind::Text),
            _ => ("max", Both::filled("max($)", &[&text]), Kind::Text),
        };
        self.word(word);
        if self.dice.percent(15) {
            self.word("filter");
            let test = Expressions::new(&mut self.dice, columns).truth(1);
            return (Both::filled("$ FILTER (WHERE $)", &[&text, &test]), kind);
        }
        (text, kind)
    }

    fn grouped(&mut self, from: &From, filter: &Both) -> Selected {
        self.word("group by");
        let (mut items, mut columns, mut by) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..1 + self.dice.below(2) {
            let moments: Vec<Named> =
                from.columns.iter().filter(|column| column.kind.is_moment()).cloned().collect();
            let (item, kind) = if self.dice.percent(25) && !moments.is_empty() {
                self.word("tumble");
                let moment = self.dice.pick(&moments).clone();
                let ms = if moment.kind == Kind::Tick {
                    format!("({} * 10)", moment.name)
                } else {
                    moment.name.clone()
                };
                let theirs = format!("(({ms} / 200 - ({ms} % 200 < 0)) * 200)");
                let kind = if moment.kind == Kind::World { Kind::World } else { Kind::Time };
                (Both::of(format!("tumble({}, INTERVAL '200 ms')", moment.name), theirs), kind)
            } else {
                self.item(&from.columns)
            };
            let name = self.name("k");
            // By the expression, or by the name of the column; a number alone would be the place of a column.
            by.push(if item.ours.contains(|char: char| char.is_alphabetic()) && self.dice.percent(50) {
                item.clone()
            } else {
                Both::same(name.clone())
            });
            items.push(Both::filled(&format!("$ AS {name}"), &[&item]));
            columns.push(Named { name, kind });
        }
        for _ in 0..1 + self.dice.below(3) {
            let (item, kind) = self.aggregate(&from.columns);
            let name = self.name("a");
            items.push(Both::filled(&format!("$ AS {name}"), &[&item]));
            columns.push(Named { name, kind });
        }
        let mut having = Both::same("");
        if self.dice.percent(35) {
            self.word("having");
            let (item, kind) = self.aggregate(&from.columns);
            let than = if kind == Kind::Text { "'c'".to_owned() } else { self.dice.below(4).to_string() };
            let sign = ["<", "<=", ">", ">=", "<>"][self.dice.below(5)];
            having = Both::filled(&format!(" HAVING $ {sign} {than}"), &[&item]);
        }
        let parts = [&Both::joined(&items, ", "), &from.text, filter, &Both::joined(&by, ", "), &having];
        Selected { text: Both::filled("SELECT $ FROM $$ GROUP BY $$", &parts), columns }
    }

    /// One row, whether there is anything or nothing.
    fn everything(&mut self, from: &From, filter: &Both) -> Selected {
        self.word("group by everything");
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.dice.below(3) {
            let (item, kind) = self.aggregate(&from.columns);
            let name = self.name("a");
            items.push(Both::filled(&format!("$ AS {name}"), &[&item]));
            columns.push(Named { name, kind });
        }
        Selected {
            text: Both::filled("SELECT $ FROM $$", &[&Both::joined(&items, ", "), &from.text, filter]),
            columns,
        }
    }

    fn set(&mut self) -> Both {
        let kinds: Vec<Kind> = (0..1 + self.dice.below(3))
            .map(|_| [Kind::Int, Kind::Text, Kind::Bool, Kind::Dec][self.dice.below(4)])
            .collect();
        let side = |queries: &mut Queries| {
            let from = queries.from(1);
            let items = kinds.iter().enumerate().map(|(place, kind)| {
                let item = Expressions::new(&mut queries.dice, &from.columns).of(*kind, 1);
                Both::filled(&format!("$ AS s{place}"), &[&item])
            });
            let items: Vec<Both> = items.collect();
            let filter = if from.conditions.is_empty() {
                Both::same("")
            } else {
                Both::filled(" WHERE $", &[&Both::joined(&from.conditions, " AND ")])
            };
            Both::filled("SELECT $ FROM $$", &[&Both::joined(&items, ", "), &from.text, &filter])
        };
        let (left, right) = (side(self), side(self));
        let (word, op) = *self.dice.pick(&[
            ("union all", "UNION ALL"),
            ("union", "UNION"),
            ("except", "EXCEPT"),
            ("intersect", "INTERSECT"),
        ]);
        self.word(word);
        Both::filled(&format!("$ {op} $"), &[&left, &right])
    }

    /// By all columns, so that it is one order in both.
    fn order(&mut self, columns: &[Named], alias: &str) -> Both {
        let mut order = Vec::new();
        let first = self.dice.below(columns.len());
        for place in (first..columns.len()).chain(0..first) {
            let name = format!("{alias}{}", columns[place].name);
            let descending = self.dice.percent(40);
            let sort = if descending { " DESC" } else { "" };
            let first = if self.dice.percent(50) { descending } else { self.dice.percent(50) };
            let nulls = if first { " NULLS FIRST" } else { " NULLS LAST" };
            let ours = if first == descending && self.dice.percent(50) { "" } else { nulls };
            order.push(Both::of(format!("{name}{sort}{ours}"), format!("{name}{sort}{nulls}")));
        }
        Both::joined(&order, ", ")
    }

    fn ranked(&mut self) -> Selected {
        self.word("row_number");
        let inner = self.select(1);
        let order = self.order(&inner.columns, "r.");
        let partition = if self.dice.percent(70) {
            format!("PARTITION BY r.{} ", self.dice.pick(&inner.columns).name)
        } else {
            String::new()
        };
        let bound = ["n <= 2", "n < 2", "n = 2", "3 >= n"][self.dice.below(4)];
        let text = format!(
            "SELECT * FROM (SELECT r.*, row_number() OVER ({partition}ORDER BY $) AS n FROM ($) AS r) AS q WHERE {bound}"
        );
        Selected { text: Both::filled(&text, &[&order, &inner.text]), columns: inner.columns }
    }

    fn limited(&mut self) -> Both {
        self.word("limit");
        let inner = self.select(1);
        let order = self.order(&inner.columns, "");
        let limit = 1 + self.dice.below(4);
        Both::filled(&format!("SELECT * FROM ($) AS l ORDER BY $ LIMIT {limit}"), &[&inner.text, &order])
    }

    fn with(&mut self) -> Both {
        self.word("with");
        let inner = self.select(1);
        let column = self.dice.pick(&inner.columns).name.clone();
        let how = if self.dice.percent(50) { "JOIN" } else { "LEFT JOIN" };
        let text = format!(
            "WITH w AS ($) SELECT x.*, y.{column} AS other FROM w AS x {how} w AS y ON x.{column} = y.{column}"
        );
        Both::filled(&text, &[&inner.text])
    }

    fn hopped(&mut self) -> Both {
        self.word("hop");
        let alias = self.name("t");
        let columns: Vec<Named> = TABLES[1]
            .2
            .iter()
            .map(|(name, kind)| Named { name: format!("{alias}.{name}"), kind: *kind })
            .collect();
        let test = Expressions::new(&mut self.dice, &columns).truth(1);
        let (item, _) = self.aggregate(&columns);
        let column = if self.dice.percent(50) { "at" } else { "world_ms" };
        let at = format!("{alias}.{column}");
        let theirs = format!("(({at} / 100 - ({at} % 100 < 0)) * 100 - h.k * 100)");
        let window = Both::of(format!("hop({at}, INTERVAL '100 ms', INTERVAL '300 ms')"), theirs);
        let windows =
            Both::of("", "(SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2) AS h JOIN ".to_owned());
        let there = Both::of("", format!("{at} IS NOT NULL AND "));
        Both::filled(
            &format!(
                "SELECT $ AS w, {alias}.target AS target, $ AS a FROM $kills AS {alias} WHERE $$ GROUP BY w, {alias}.target"
            ),
            &[&window, &item, &windows, &there, &test],
        )
    }
}
