-- What a player's kills make of the player: a butcher when three of ten were innocent, a surgeon when seven of ten deserved it, else between the
-- two. A surgeon loses at most half of what the innocent would give; a butcher is efficient, and known for it, the more so in social unrest.
CREATE VIEW morality AS
SELECT j.player, j.kills, j.innocent, j.deserving, j.path,
       CASE WHEN j.path = 'surgeon' THEN least(0.5, 0.01 * j.kills) ELSE 0.0 END AS penalty,
       CASE WHEN j.path = 'butcher' THEN 50 + j.kills ELSE 0 END AS efficiency,
       CASE WHEN j.path = 'butcher' THEN 2 * j.kills * (1 + coalesce(e.effect, 0)) ELSE 0.0 END AS notoriety
FROM (
  SELECT player, kills, innocent, deserving, 'notoriety' AS what,
         CASE WHEN CAST(innocent AS DECIMAL) / kills >= 0.3 THEN 'butcher'
              WHEN CAST(deserving AS DECIMAL) / kills >= 0.7 THEN 'surgeon'
              ELSE 'mixed' END AS path
  FROM (
    SELECT holder AS player,
           max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'killed') AS kills,
           coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'killed_innocent'), 0) AS innocent,
           coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'killed_deserving'), 0) AS deserving
    FROM facts WHERE scope = 'player' AND fact IN ('killed', 'killed_innocent', 'killed_deserving')
    GROUP BY holder
  ) AS counted
  WHERE kills > 0
) AS j
LEFT JOIN effects AS e ON e.what = j.what;
