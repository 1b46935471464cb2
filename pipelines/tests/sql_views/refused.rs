//! What is refused, where it is, and what to write instead.

use expect_test::{Expect, expect};
use worldflow_operators::sql::plan;

use crate::events::relations;

/// The problems of queries, each made a view.
fn check(queries: &[&str], expected: &Expect) {
    let mut said = String::new();
    for query in queries {
        let text = if query.starts_with("CREATE") {
            (*query).to_owned()
        } else {
            format!("CREATE VIEW v AS {query}")
        };
        let (_, problems) = plan([("v.sql", text.as_str())], relations(), 10);
        said.push_str(&format!("{text}\n"));
        for (_, error) in &problems {
            let (line, column) = (error.line as usize, error.column as usize);
            let of_line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            assert!(line > 0 && column <= of_line.chars().count() + 1, "{text}: no place\n{error}");
            said.push_str(&format!("  {}\n", error.to_string().replace('\n', "\n  ")));
        }
        assert!(!problems.is_empty(), "{text} is not refused");
    }
    expected.assert_eq(&said);
}

#[test]
fn names() {
    check(
        &[
            "SELECT palyer FROM presence",
            "SELECT player FROM presense",
            "SELECT q.player FROM presence AS p",
            "SELECT player FROM presence JOIN levels ON presence.player = levels.player",
            "SELECT realm FROM presence",
            "SELECT session FROM sessions",
            "SELECT player, count(*) FROM presence GROUP BY player",
            "WITH a AS (SELECT player FROM presence), a AS (SELECT player FROM levels) SELECT player FROM a",
            "SELECT count(DISTINCT player, region) AS n FROM presence",
            "SELECT lower(DISTINCT player) AS n FROM presence",
            "SELECT player FROM pending_actions",
            "SELECT player, CAST(1.5 AS BOOLEAN) AS b FROM levels",
            "SELECT player FROM presence WHERE region = \"village\"",
            "SELECT count(*) AS n, level FROM levels GROUP BY n, level",
            "SELECT player, player FROM presence",
            "SELECT player FROM presence JOIN presence USING (player)",
            "SELECT lenght(player) AS n FROM presence",
            "SELECT public.presence.player FROM public.presence",
            "CREATE VIEW Weather AS SELECT player FROM presence",
            "CREATE VIEW \"Odd Name\" AS SELECT player FROM presence",
            "CREATE VIEW pg_like AS SELECT player FROM presence",
            "CREATE VIEW a AS SELECT player FROM b; CREATE VIEW b AS SELECT player FROM a",
            "CREATE VIEW a AS SELECT player FROM levels; CREATE VIEW a AS SELECT player FROM levels",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT palyer FROM presence
              1:25: there is no column `palyer`
              hint: did you mean `player`? the columns are player, server, region, instance, party, guild, account, since
            CREATE VIEW v AS SELECT player FROM presense
              1:37: there is no view `presense`
              hint: did you mean `presence`? docs/catalog.md lists the views, and `events` is the stream of events; sessions, rejections, engine_stats, tiers and pending_actions cannot be read here, as they are not functions of the world
            CREATE VIEW v AS SELECT q.player FROM presence AS p
              1:25: there is no `q` in FROM
              hint: did you mean `p`? name a table of FROM, or its alias
            CREATE VIEW v AS SELECT player FROM presence JOIN levels ON presence.player = levels.player
              1:25: `player` is ambiguous
              hint: say which: `presence.player` or `levels.player`
            CREATE VIEW v AS SELECT realm FROM presence
              1:25: there is no column `realm` here
              hint: leave it out: all rows are of one realm, and the view's rows have it as their first column
            CREATE VIEW v AS SELECT session FROM sessions
              1:38: there is no view `sessions`
              hint: docs/catalog.md lists the views, and `events` is the stream of events; sessions, rejections, engine_stats, tiers and pending_actions cannot be read here, as they are not functions of the world
            CREATE VIEW v AS SELECT player, count(*) FROM presence GROUP BY player
              1:33: a column without a name
              hint: give it one: AS name
            CREATE VIEW v AS WITH a AS (SELECT player FROM presence), a AS (SELECT player FROM levels) SELECT player FROM a
              1:59: `a` is there twice in WITH
              hint: give one of them another name
            CREATE VIEW v AS SELECT count(DISTINCT player, region) AS n FROM presence
              1:25: there is no function `count` of that form
              hint: it takes one value, or `*`; of several together: count(DISTINCT concat(a, '/', b))
            CREATE VIEW v AS SELECT lower(DISTINCT player) AS n FROM presence
              1:25: FILTER and DISTINCT do not go with lower
              hint: they are for count, sum, avg, min and max
            CREATE VIEW v AS SELECT player FROM pending_actions
              1:37: there is no view `pending_actions`
              hint: docs/catalog.md lists the views, and `events` is the stream of events; sessions, rejections, engine_stats, tiers and pending_actions cannot be read here, as they are not functions of the world
            CREATE VIEW v AS SELECT player, CAST(1.5 AS BOOLEAN) AS b FROM levels
              1:38: BOOLEAN is needed here, and this is DECIMAL
              hint: compare it: `x <> 0`
            CREATE VIEW v AS SELECT player FROM presence WHERE region = "village"
              1:61: there is no column `village`
              hint: text stands between single quotes: 'village'; the columns are player, server, region, instance, party, guild, account, since
            CREATE VIEW v AS SELECT count(*) AS n, level FROM levels GROUP BY n, level
              1:25: an aggregate cannot stand here
              hint: aggregates stand in SELECT and HAVING
            CREATE VIEW v AS SELECT player, player FROM presence
              1:33: two columns `player`
              hint: give one of them another name: AS player_2
            CREATE VIEW v AS SELECT player FROM presence JOIN presence USING (player)
              1:51: `presence` is there twice
              hint: give one an alias: AS presence_2
            CREATE VIEW v AS SELECT lenght(player) AS n FROM presence
              1:25: there is no function `lenght` of that form
              hint: did you mean `length`? docs/sql.md lists the functions
            CREATE VIEW v AS SELECT public.presence.player FROM public.presence
              1:53: `public.presence` has parts
              hint: views have no schema: write the name alone
            CREATE VIEW Weather AS SELECT player FROM presence
              1:13: there is a view `weather` already
              hint: docs/catalog.md lists the views of every world: take another name
            CREATE VIEW "Odd Name" AS SELECT player FROM presence
              1:13: `Odd Name` is no name of a view
              hint: use small letters, digits and `_`, a letter first, at most 60
            CREATE VIEW pg_like AS SELECT player FROM presence
              1:13: the name `pg_like` is reserved
              hint: give it another name: not `events`, and none that begins with `worldflow_`, `pg_`, `sqlite_`
            CREATE VIEW a AS SELECT player FROM b; CREATE VIEW b AS SELECT player FROM a
              1:13: `a` needs itself, or a view that does
              hint: views that read each other have no beginning: put what they share into a view that both read
              1:52: `b` needs itself, or a view that does
              hint: views that read each other have no beginning: put what they share into a view that both read
            CREATE VIEW a AS SELECT player FROM levels; CREATE VIEW a AS SELECT player FROM levels
              1:57: the view `a` is defined twice
              hint: take another name for one of them
        "#]],
    );
}

#[test]
fn events() {
    check(
        &[
            "SELECT player FROM events",
            "SELECT tick, source, id FROM events WHERE now() >= at",
            "SELECT tick, source, id FROM events WHERE now() <= at + INTERVAL '31 days'",
            "SELECT tick, source, id FROM events WHERE now() <= at + INTERVAL '1 day' OR amount = 1",
            "SELECT tick, source, id, words FROM events WHERE now() <= at + INTERVAL '1 day'",
            "SELECT p.player, e.id FROM presence AS p LEFT JOIN events AS e ON e.player = p.player",
            "SELECT p.player FROM presence AS p WHERE EXISTS (SELECT * FROM events AS e WHERE e.player = p.player)",
            "WITH e AS (SELECT tick, source, id, at FROM events) SELECT tick, source, id FROM e WHERE now() <= at + INTERVAL '1 day'",
            "SELECT e.tick, e.source, e.id FROM events AS e, levels AS l WHERE l.player = e.player AND now() <= e.at + l.level * INTERVAL '1 day'",
            "CREATE VIEW events AS SELECT player FROM levels",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT player FROM events
              1:37: `events` without a bound in time: they would pile up for good
              hint: say how long they count, joined by AND in the WHERE of this query: now() <= at + INTERVAL '10 minutes'
            CREATE VIEW v AS SELECT tick, source, id FROM events WHERE now() >= at
              1:47: `events` without a bound in time: they would pile up for good
              hint: say how long they count, joined by AND in the WHERE of this query: now() <= at + INTERVAL '10 minutes'
            CREATE VIEW v AS SELECT tick, source, id FROM events WHERE now() <= at + INTERVAL '31 days'
              1:47: events of more than 30 days
              hint: keep them for at most 30 days; what counts longer is a lifetime counter or a fact
            CREATE VIEW v AS SELECT tick, source, id FROM events WHERE now() <= at + INTERVAL '1 day' OR amount = 1
              1:60: `now` is a bound, not a value: rows would change all the time
              hint: compare it in WHERE, joined by AND: `now() <= at + INTERVAL '10 minutes'`
            CREATE VIEW v AS SELECT tick, source, id, words FROM events WHERE now() <= at + INTERVAL '1 day'
              1:43: there is no column `words`
              hint: the columns are tick, source, id, at, kind, player, target, region, amount, damage, weapon
            CREATE VIEW v AS SELECT p.player, e.id FROM presence AS p LEFT JOIN events AS e ON e.player = p.player
              1:69: `events` without a bound in time: they would pile up for good
              hint: write LEFT JOIN (SELECT ... FROM events WHERE now() <= at + INTERVAL '10 minutes') AS e ON ...
            CREATE VIEW v AS SELECT p.player FROM presence AS p WHERE EXISTS (SELECT * FROM events AS e WHERE e.player = p.player)
              1:81: `events` without a bound in time: they would pile up for good
              hint: say how long they count, joined by AND in the WHERE of this query: now() <= at + INTERVAL '10 minutes'
            CREATE VIEW v AS WITH e AS (SELECT tick, source, id, at FROM events) SELECT tick, source, id FROM e WHERE now() <= at + INTERVAL '1 day'
              1:62: `events` without a bound in time: they would pile up for good
              hint: say how long they count, joined by AND in the WHERE of this query: now() <= at + INTERVAL '10 minutes'
            CREATE VIEW v AS SELECT e.tick, e.source, e.id FROM events AS e, levels AS l WHERE l.player = e.player AND now() <= e.at + l.level * INTERVAL '1 day'
              1:53: `events` without a bound in time: they would pile up for good
              hint: say how long they count, joined by AND in the WHERE of this query: now() <= at + INTERVAL '10 minutes'
            CREATE VIEW events AS SELECT player FROM levels
              1:13: there is a view `events` already
              hint: docs/catalog.md lists the views of every world: take another name
        "#]],
    );
}

#[test]
fn kinds() {
    check(
        &[
            "SELECT player FROM levels WHERE level = 'three'",
            "SELECT player FROM levels WHERE level",
            "SELECT player, level + player AS n FROM levels",
            "SELECT holder, fact FROM facts WHERE value = 3",
            "SELECT player, since + 10 AS later FROM presence",
            "SELECT event FROM calendar_events WHERE now() <= world_ms + INTERVAL '1 day'",
            "SELECT player, since + INTERVAL '1 month' AS later FROM presence",
            "SELECT player, CAST(level AS DOUBLE PRECISION) AS l FROM levels",
            "SELECT player, CASE WHEN level > 3 THEN 'high' ELSE 0 END AS how FROM levels",
            "SELECT player, 99999999999999999999 AS n FROM levels",
            "SELECT player, NULL AS nothing FROM levels",
            "SELECT player FROM levels UNION SELECT level FROM levels",
            "SELECT player FROM levels UNION SELECT player, level FROM levels",
            "SELECT player, sum(player) AS n FROM levels GROUP BY player",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT player FROM levels WHERE level = 'three'
              1:50: INTEGER and TEXT do not meet
              hint: write CAST(... AS TEXT)
            CREATE VIEW v AS SELECT player FROM levels WHERE level
              1:50: a condition is needed here, and this is INTEGER
              hint: compare it with something: `x > 0`, `x IS NOT NULL`
            CREATE VIEW v AS SELECT player, level + player AS n FROM levels
              1:41: a number is needed here, and this is ID
              hint: write CAST(... AS INTEGER) or CAST(... AS DECIMAL)
            CREATE VIEW v AS SELECT holder, fact FROM facts WHERE value = 3
              1:55: ANY and INTEGER do not meet
              hint: the value may be of any kind: write CAST(... AS INTEGER), DECIMAL, BOOLEAN or TEXT
            CREATE VIEW v AS SELECT player, since + 10 AS later FROM presence
              1:33: TICK + INTEGER has no meaning
              hint: to a time add a span: `since + INTERVAL '10 minutes'`; CAST(... AS INTEGER) gives its number
            CREATE VIEW v AS SELECT event FROM calendar_events WHERE now() <= world_ms + INTERVAL '1 day'
              1:58: now() is compared with WORLD TIME
              hint: now() goes with ticks and times such as `since`
            CREATE VIEW v AS SELECT player, since + INTERVAL '1 month' AS later FROM presence
              1:50: an interval that is not understood
              hint: write INTERVAL '10 minutes', in ms, seconds, minutes, hours, days or weeks
            CREATE VIEW v AS SELECT player, CAST(level AS DOUBLE PRECISION) AS l FROM levels
              1:38: `DOUBLE PRECISION` is not a kind of values here
              hint: the kinds are INTEGER, DECIMAL, TEXT, BOOLEAN and TIMESTAMP; a fraction is DECIMAL, exact to a millionth
            CREATE VIEW v AS SELECT player, CASE WHEN level > 3 THEN 'high' ELSE 0 END AS how FROM levels
              1:33: TEXT, INTEGER do not meet
              hint: make them one kind: CAST(... AS ...)
            CREATE VIEW v AS SELECT player, 99999999999999999999 AS n FROM levels
              1:33: a number that does not fit
              hint: whole numbers have 64 bits; fractions six places and a whole part up to 9,223,372,036,854
            CREATE VIEW v AS SELECT player, NULL AS nothing FROM levels
              1:33: `nothing` is nothing but NULL
              hint: say of which kind: CAST(NULL AS INTEGER)
            CREATE VIEW v AS SELECT player FROM levels UNION SELECT level FROM levels
              1:50: `player` is ID on one side and INTEGER on the other
              hint: make them one kind: CAST(... AS ...)
            CREATE VIEW v AS SELECT player FROM levels UNION SELECT player, level FROM levels
              1:50: 2 columns beside 1
              hint: select as many columns on both sides, in one order
            CREATE VIEW v AS SELECT player, sum(player) AS n FROM levels GROUP BY player
              1:37: a number is needed here, and this is ID
              hint: write CAST(... AS INTEGER) or CAST(... AS DECIMAL)
        "#]],
    );
}

#[test]
fn clauses() {
    check(
        &[
            "SELECT player FROM levels LIMIT 3",
            "SELECT player, level FROM levels ORDER BY level LIMIT 3 OFFSET 2",
            "SELECT player, level FROM levels ORDER BY level LIMIT 1000000",
            "SELECT player FROM levels ORDER BY level LIMIT 3",
            "SELECT DISTINCT ON (player) player FROM levels",
            "SELECT player FROM levels FOR UPDATE",
            "SELECT player FROM levels QUALIFY row_number() OVER (ORDER BY level) = 1",
            "WITH RECURSIVE r AS (SELECT player FROM levels) SELECT player FROM r",
            "SELECT a.player FROM levels AS a RIGHT JOIN presence AS b ON a.player = b.player",
            "SELECT a.player FROM levels AS a FULL JOIN presence AS b ON a.player = b.player",
            "SELECT player FROM levels NATURAL JOIN presence",
            "SELECT a.player FROM levels AS a, presence AS b",
            "SELECT a.player FROM levels AS a LEFT JOIN presence AS b ON a.player = b.player AND a.level > length(b.server)",
            "SELECT a.player FROM levels AS a, LATERAL (SELECT region FROM presence AS b WHERE b.player = a.player) AS c",
            "SELECT player FROM levels WHERE level = (SELECT max(level) AS m FROM levels)",
            "SELECT player FROM levels WHERE level > 3 OR EXISTS (SELECT * FROM presence)",
            "SELECT player FROM levels AS a WHERE EXISTS (SELECT * FROM presence AS b WHERE b.region = 'moor')",
            "SELECT player FROM levels AS a WHERE EXISTS (SELECT * FROM presence AS b WHERE b.player < a.player)",
            "SELECT player FROM levels WHERE player NOT IN (SELECT region FROM presence)",
            "SELECT player, level FROM levels GROUP BY player",
            "SELECT max(count(*)) AS n FROM levels",
            "SELECT player FROM levels WHERE count(*) > 3",
            "SELECT player, rank() OVER (ORDER BY level) AS n FROM levels",
            "SELECT player, row_number() OVER (ORDER BY level) AS n FROM levels",
            "SELECT player FROM levels GROUP BY ROLLUP (player)",
            "VALUES (1), (1, 2)",
            "VALUES (1, NULL), (2, NULL)",
            "VALUES (1, 'a'), (2, 3)",
            "SELECT * FROM (VALUES (player)) AS t",
            "SELECT 1 AS one",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT player FROM levels LIMIT 3
              1:44: LIMIT without ORDER BY
              hint: say which rows are the first: ORDER BY ... LIMIT n
            CREATE VIEW v AS SELECT player, level FROM levels ORDER BY level LIMIT 3 OFFSET 2
              1:81: OFFSET is not supported
              hint: number the rows: row_number() OVER (ORDER BY ...) AS n, and WHERE n > 10 AND n <= 20 around it
            CREATE VIEW v AS SELECT player, level FROM levels ORDER BY level LIMIT 1000000
              1:72: LIMIT 1000000 is not supported
              hint: write a number from 1 to 10000
            CREATE VIEW v AS SELECT player FROM levels ORDER BY level LIMIT 3
              1:53: there is no column `level`
              hint: ORDER BY goes by columns of SELECT: the columns are player
            CREATE VIEW v AS SELECT DISTINCT ON (player) player FROM levels
              1:18: DISTINCT ON is not supported
              hint: number the rows: row_number() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n = 1 around it
            CREATE VIEW v AS SELECT player FROM levels FOR UPDATE
              1:44: a clause after the query is not supported
              hint: a query is SELECT ... [ORDER BY ... LIMIT n]
            CREATE VIEW v AS SELECT player FROM levels QUALIFY row_number() OVER (ORDER BY level) = 1
              1:44: QUALIFY is not supported
              hint: write SELECT ... FROM (SELECT ..., row_number() OVER (...) AS n ...) AS t WHERE n <= 3
            CREATE VIEW v AS WITH RECURSIVE r AS (SELECT player FROM levels) SELECT player FROM r
              1:18: WITH RECURSIVE is not supported
              hint: join once for every step, in views over views
            CREATE VIEW v AS SELECT a.player FROM levels AS a RIGHT JOIN presence AS b ON a.player = b.player
              1:62: RIGHT JOIN is not supported
              hint: exchange the sides and write LEFT JOIN
            CREATE VIEW v AS SELECT a.player FROM levels AS a FULL JOIN presence AS b ON a.player = b.player
              1:61: FULL JOIN is not supported
              hint: write a LEFT JOIN UNION ALL the rows of the other side that have no partner (NOT EXISTS)
            CREATE VIEW v AS SELECT player FROM levels NATURAL JOIN presence
              1:57: NATURAL joins are not supported
              hint: say by what: USING (player)
            CREATE VIEW v AS SELECT a.player FROM levels AS a, presence AS b
              1:52: `b` is joined without a key: every change would meet every row
              hint: join by an equality: ON a.player = b.player
            CREATE VIEW v AS SELECT a.player FROM levels AS a LEFT JOIN presence AS b ON a.player = b.player AND a.level > length(b.server)
              1:102: a condition of a LEFT JOIN that is no equality of both sides
              hint: write it in WHERE, or in a query that is joined: LEFT JOIN (SELECT ... WHERE ...) AS t ON ...
            CREATE VIEW v AS SELECT a.player FROM levels AS a, LATERAL (SELECT region FROM presence AS b WHERE b.player = a.player) AS c
              1:61: LATERAL is not supported
              hint: the first rows of each group: row_number() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n <= 3 around it
            CREATE VIEW v AS SELECT player FROM levels WHERE level = (SELECT max(level) AS m FROM levels)
              1:59: a query that stands for one value
              hint: join it: `JOIN (SELECT key, ... GROUP BY key) AS t ON t.key = ...`
            CREATE VIEW v AS SELECT player FROM levels WHERE level > 3 OR EXISTS (SELECT * FROM presence)
              1:71: EXISTS within another condition
              hint: a query in IN or EXISTS can be one of the conditions of WHERE that are joined by AND; elsewhere use LEFT JOIN
            CREATE VIEW v AS SELECT player FROM levels AS a WHERE EXISTS (SELECT * FROM presence AS b WHERE b.region = 'moor')
              1:63: EXISTS without an equality with the query around it
              hint: write EXISTS (SELECT * FROM b WHERE b.player = a.player)
            CREATE VIEW v AS SELECT player FROM levels AS a WHERE EXISTS (SELECT * FROM presence AS b WHERE b.player < a.player)
              1:97: a condition on the query around this one that is no equality
              hint: write `inner.column = outer.column`; other conditions need a JOIN
            CREATE VIEW v AS SELECT player FROM levels WHERE player NOT IN (SELECT region FROM presence)
              1:50: NOT IN with values that may be NULL
              hint: with NULL among them NOT IN is never true: write NOT EXISTS (SELECT * FROM b WHERE b.x = a.x), or rule NULL out on both sides: x IS NOT NULL
            CREATE VIEW v AS SELECT player, level FROM levels GROUP BY player
              1:33: `level` is neither grouped by nor within an aggregate
              hint: add it to GROUP BY, or write max(level)
            CREATE VIEW v AS SELECT max(count(*)) AS n FROM levels
              1:29: an aggregate within an aggregate
              hint: aggregate in WITH or a view of its own first
            CREATE VIEW v AS SELECT player FROM levels WHERE count(*) > 3
              1:50: an aggregate cannot stand here
              hint: aggregates stand in SELECT and HAVING
            CREATE VIEW v AS SELECT player, rank() OVER (ORDER BY level) AS n FROM levels
              1:33: rank OVER is not supported
              hint: write row_number() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n <= 3 around it
            CREATE VIEW v AS SELECT player, row_number() OVER (ORDER BY level) AS n FROM levels
              1:71: row_number() without a bound
              hint: write SELECT ... FROM (SELECT ..., row_number() OVER (...) AS n ...) AS t WHERE n <= 3
            CREATE VIEW v AS SELECT player FROM levels GROUP BY ROLLUP (player)
              1:61: several groupings in one query are not supported
              hint: make one view a grouping
            CREATE VIEW v AS VALUES (1), (1, 2)
              1:25: rows of different lengths, or of none
              hint: write as many values in every row: VALUES ('energy', 100), ('food', 30)
            CREATE VIEW v AS VALUES (1, NULL), (2, NULL)
              1:25: the values of column 2 are of different kinds, or all NULL
              hint: make them one kind: CAST(... AS ...)
            CREATE VIEW v AS VALUES (1, 'a'), (2, 3)
              1:25: the values of column 2 are of different kinds, or all NULL
              hint: make them one kind: CAST(... AS ...)
            CREATE VIEW v AS SELECT * FROM (VALUES (player)) AS t
              1:41: there is no column `player`
              hint: the columns are 
            CREATE VIEW v AS SELECT 1 AS one
              1:18: SELECT without FROM is not supported
              hint: a view is made from other views, or of constants: SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (n, name)
        "#]],
    );
}

#[test]
fn time_and_statements() {
    check(
        &[
            "SELECT player, now() AS at FROM presence",
            "SELECT player FROM presence WHERE now() = since",
            "SELECT player FROM presence WHERE now() BETWEEN since AND since + INTERVAL '1 hour'",
            "SELECT player FROM presence WHERE now() <= since + INTERVAL '1 hour' OR region IS NULL",
            "SELECT player, hop(since, INTERVAL '2 minutes', INTERVAL '3 minutes') AS w FROM presence",
            "SELECT player, tumble(since, level) AS w FROM presence JOIN levels USING (player)",
            "SELECT player, random() AS r FROM presence",
            "SELECT region, player FROM presence WHERE region LIKE 'm%' AND player ~ 'a.*'",
            "CREATE OR REPLACE VIEW v AS SELECT player FROM levels",
            "CREATE MATERIALIZED VIEW v AS SELECT player FROM levels",
            "CREATE TABLE t (a INT)",
            "INSERT INTO levels VALUES (1)",
            "CREATE VIEW v AS SELECT player FROM levels WHERE name = 'open",
            "CREATE VIEW v AS SELECT player levels WHERE",
            "CREATE VIEW v AS\nSELECT player,\n  levl\nFROM levels",
            "SELECT region, player FROM presence",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT player, now() AS at FROM presence
              1:33: `now` is a bound, not a value: rows would change all the time
              hint: compare it in WHERE, joined by AND: `now() <= at + INTERVAL '10 minutes'`
            CREATE VIEW v AS SELECT player FROM presence WHERE now() = since
              1:52: now() = a moment
              hint: write `now() <= at + INTERVAL '10 minutes'`, with <, <=, > or >=
            CREATE VIEW v AS SELECT player FROM presence WHERE now() BETWEEN since AND since + INTERVAL '1 hour'
              1:52: now() within BETWEEN
              hint: write two conditions joined by AND
            CREATE VIEW v AS SELECT player FROM presence WHERE now() <= since + INTERVAL '1 hour' OR region IS NULL
              1:52: `now` is a bound, not a value: rows would change all the time
              hint: compare it in WHERE, joined by AND: `now() <= at + INTERVAL '10 minutes'`
            CREATE VIEW v AS SELECT player, hop(since, INTERVAL '2 minutes', INTERVAL '3 minutes') AS w FROM presence
              1:33: the size is not 1 to 100 times the slide
              hint: write hop(at, INTERVAL '1 minute', INTERVAL '10 minutes')
            CREATE VIEW v AS SELECT player, tumble(since, level) AS w FROM presence JOIN levels USING (player)
              1:47: tumble takes a span that is written out
              hint: write INTERVAL '10 minutes'
            CREATE VIEW v AS SELECT player, random() AS r FROM presence
              1:33: there is no function `random` of that form
              hint: a view is a function of the world: chance belongs to rules
            CREATE VIEW v AS SELECT region, player FROM presence WHERE region LIKE 'm%' AND player ~ 'a.*'
              1:81: the operator `~` is not supported: it compares with a regular expression
              hint: write LIKE with `%` and `_`
            CREATE OR REPLACE VIEW v AS SELECT player FROM levels
              1:1: OR REPLACE is not supported
              hint: a view is replaced when its text changes: write `CREATE VIEW`
            CREATE MATERIALIZED VIEW v AS SELECT player FROM levels
              1:1: MATERIALIZED is not supported
              hint: every view is kept up to date: write `CREATE VIEW`
            CREATE TABLE t (a INT)
              1:1: this is not a view
              hint: a file of views has only `CREATE VIEW name AS SELECT ...;`
            CREATE VIEW v AS INSERT INTO levels VALUES (1)
              1:18: this is not a query
              hint: a view is `CREATE VIEW name AS SELECT ...;`
            CREATE VIEW v AS SELECT player FROM levels WHERE name = 'open
              1:57: this is not SQL: Unterminated string literal
              hint: look for a quote that is not closed
            CREATE VIEW v AS SELECT player levels WHERE
              1:39: expected an expression, found EOF
              hint: a view is `CREATE VIEW name AS SELECT ...;`
            CREATE VIEW v AS
            SELECT player,
              levl
            FROM levels
              3:3: there is no column `levl`
              hint: did you mean `level`? the columns are player, level, experience, into_level, to_next
            CREATE VIEW v AS SELECT region, player FROM presence
              1:25: `region` may be NULL, and is in the key of the view
              hint: select player first, which tells the rows apart
        "#]],
    );
}

#[test]
fn keys_that_may_be_null() {
    check(
        &[
            "SELECT tumble(world_ms, INTERVAL '6 hours') AS w, count(*) AS n FROM calendar_events GROUP BY 1",
            "SELECT CAST(value AS INTEGER) AS i, count(*) AS n FROM facts GROUP BY i",
            "SELECT region AS r, count(*) AS n FROM presence GROUP BY r",
            "SELECT DISTINCT max(deadline) AS m FROM quest_state GROUP BY quest",
            "SELECT DISTINCT x.m FROM (SELECT p.region, max(l.level) AS m FROM presence AS p LEFT JOIN levels AS l USING (player) WHERE p.region IS NOT NULL GROUP BY p.region) AS x",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT tumble(world_ms, INTERVAL '6 hours') AS w, count(*) AS n FROM calendar_events GROUP BY 1
              1:25: `w` may be NULL, and is in the key of the view
              hint: write WHERE tumble(world_ms, INTERVAL '6 hours') IS NOT NULL
            CREATE VIEW v AS SELECT CAST(value AS INTEGER) AS i, count(*) AS n FROM facts GROUP BY i
              1:30: `i` may be NULL, and is in the key of the view
              hint: write WHERE CAST(value AS INTEGER) IS NOT NULL, or coalesce(CAST(value AS INTEGER), ...) AS i
            CREATE VIEW v AS SELECT region AS r, count(*) AS n FROM presence GROUP BY r
              1:25: `r` may be NULL, and is in the key of the view
              hint: write WHERE region IS NOT NULL, or coalesce(region, ...) AS r
            CREATE VIEW v AS SELECT DISTINCT max(deadline) AS m FROM quest_state GROUP BY quest
              1:34: `m` may be NULL, and is in the key of the view
              hint: write HAVING max(deadline) IS NOT NULL
            CREATE VIEW v AS SELECT DISTINCT x.m FROM (SELECT p.region, max(l.level) AS m FROM presence AS p LEFT JOIN levels AS l USING (player) WHERE p.region IS NOT NULL GROUP BY p.region) AS x
              1:34: `m` may be NULL, and is in the key of the view
              hint: write WHERE x.m IS NOT NULL, or coalesce(x.m, ...) AS m
        "#]],
    );
}

#[test]
fn what_is_said_not_to_be_null_may_be_in_a_key() {
    for query in [
        "SELECT tumble(world_ms, INTERVAL '6 hours') AS w, count(*) AS n FROM calendar_events WHERE tumble(world_ms, INTERVAL '6 hours') IS NOT NULL GROUP BY 1",
        "SELECT CAST(value AS INTEGER) AS i, count(*) AS n FROM facts WHERE CAST(value AS INTEGER) IS NOT NULL GROUP BY i",
        "SELECT CAST(value AS INTEGER) + 1 AS i, count(*) AS n FROM facts WHERE CAST(value AS INTEGER) > 3 AND CAST(value AS INTEGER) + 1 IS NOT NULL GROUP BY i",
        "SELECT DISTINCT max(deadline) AS m FROM quest_state GROUP BY quest HAVING max(deadline) IS NOT NULL",
        "SELECT DISTINCT CASE WHEN level > 3 THEN region END AS r FROM presence JOIN levels USING (player) WHERE CASE WHEN level > 3 THEN region END IS NOT NULL",
    ] {
        let text = format!("CREATE VIEW v AS {query}");
        let (views, problems) = plan([("v.sql", text.as_str())], relations(), 10);
        assert!(problems.is_empty() && views.len() == 1, "{query}: {problems:?}");
    }
}

#[test]
fn a_text_that_lies_too_deep_or_is_too_long_is_refused() {
    let deep = format!("SELECT {}level{} AS n FROM levels", "(".repeat(300), ")".repeat(300));
    let long = format!("SELECT {} AS n FROM levels", vec!["level"; 3_000].join(" + "));
    let chain = format!("SELECT player, {} AS n FROM levels", vec!["level"; 1_000].join(" + "));
    let doubled = (0..12).fold("CREATE VIEW v0 AS SELECT player FROM levels;".to_owned(), |text, n| {
        format!(
            "{text} CREATE VIEW v{} AS SELECT a.player FROM v{n} AS a JOIN v{n} AS b USING (player);",
            n + 1
        )
    });
    for (text, said) in
        [(deep, "too deep"), (long, "words and signs"), (chain, "too deep"), (doubled, "operators")]
    {
        let text = if text.starts_with("CREATE") { text } else { format!("CREATE VIEW v AS {text}") };
        let (_, problems) = plan([("v.sql", text.as_str())], relations(), 10);
        assert!(
            problems.first().is_some_and(|(_, error)| error.message.contains(said)),
            "{said}: {problems:?}"
        );
    }
}

/// Clauses are marked where they stand, though the parser does not say where that is.
#[test]
fn clauses_are_marked_where_they_stand() {
    check(
        &[
            "SELECT player FROM levels WHERE level > 3 FETCH FIRST 3 ROWS ONLY",
            "SELECT player FROM levels FOR UPDATE",
            "SELECT player, level FROM levels QUALIFY row_number() OVER (ORDER BY level) < 3",
            "SELECT player FROM levels TABLESAMPLE BERNOULLI (10)",
            "SELECT player, sum(level) OVER () AS n FROM levels",
            "SELECT player FROM levels WHERE player ~ 'x'",
            "SELECT power(level, 2) AS n FROM levels",
            "SELECT sustr(player, 2) AS n FROM levels",
        ],
        &expect![[r#"
            CREATE VIEW v AS SELECT player FROM levels WHERE level > 3 FETCH FIRST 3 ROWS ONLY
              1:60: a clause after the query is not supported
              hint: a query is SELECT ... [ORDER BY ... LIMIT n]
            CREATE VIEW v AS SELECT player FROM levels FOR UPDATE
              1:44: a clause after the query is not supported
              hint: a query is SELECT ... [ORDER BY ... LIMIT n]
            CREATE VIEW v AS SELECT player, level FROM levels QUALIFY row_number() OVER (ORDER BY level) < 3
              1:51: QUALIFY is not supported
              hint: write SELECT ... FROM (SELECT ..., row_number() OVER (...) AS n ...) AS t WHERE n <= 3
            CREATE VIEW v AS SELECT player FROM levels TABLESAMPLE BERNOULLI (10)
              1:44: TABLESAMPLE is not supported
              hint: a view is of all rows, and chance belongs to rules: leave it out, or choose rows in WHERE
            CREATE VIEW v AS SELECT player, sum(level) OVER () AS n FROM levels
              1:33: sum OVER is not supported
              hint: add up in a query with GROUP BY, and join it: JOIN (SELECT a, sum(b) AS n FROM ... GROUP BY a) AS t ON t.a = ...
            CREATE VIEW v AS SELECT player FROM levels WHERE player ~ 'x'
              1:50: the operator `~` is not supported: it compares with a regular expression
              hint: write LIKE with `%` and `_`
            CREATE VIEW v AS SELECT power(level, 2) AS n FROM levels
              1:25: there is no function `power` of that form
              hint: write it out: x * x
            CREATE VIEW v AS SELECT sustr(player, 2) AS n FROM levels
              1:25: there is no function `sustr` of that form
              hint: did you mean `substr`? docs/sql.md lists the functions
        "#]],
    );
}
