-- Where players are: one row a region in which there is anybody.
CREATE VIEW region_population AS
SELECT region, count(*) AS players
FROM presence
WHERE region IS NOT NULL AND server IS NOT NULL
GROUP BY region;

-- What was earned in the last ten minutes, by whom: rows go by themselves.
CREATE VIEW recent_grants AS
SELECT player, item, count(*) AS grants, sum(amount) AS amount
FROM grants
WHERE player IS NOT NULL AND item IS NOT NULL AND now() <= tick + INTERVAL '10 minutes'
GROUP BY player, item;
