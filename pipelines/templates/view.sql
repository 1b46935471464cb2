-- A view in SQL, kept up to date tick by tick and read like any other: by sockets, HTTP, tables, rules and conditions.
-- docs/sql.md says what can be written; `worldflow explain-view` shows how a view is computed and what it keeps.
--
-- How many holders stand where with each quest.
CREATE VIEW {{id}} AS
SELECT quest, state, count(*) AS holders
FROM quest_state
WHERE state IS NOT NULL
GROUP BY quest, state;
