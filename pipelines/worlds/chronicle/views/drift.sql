-- Where stories go astray, and where they contradict themselves: a row is an alert, and goes when its cause does.

-- What players have done in the last three hours, by theme.
CREATE VIEW themes AS
SELECT player, count(*) AS deeds,
       count(*) FILTER (WHERE target IN ('racing', 'fishing', 'gambling', 'sports', 'farming', 'cooking', 'dating_sim', 'puzzle_solving')) AS astray,
       count(*) FILTER (WHERE target = 'side') AS aside
FROM events
WHERE kind = 'act' AND player IS NOT NULL AND now() <= at + INTERVAL '3 hours'
GROUP BY player;

-- A quarter off the theme, three tenths on the side, seven tenths in keeping; and nothing of the main story for two hours. How bad it is, is how far
-- the bound is passed: below one and a half times minor, below twice moderate, else major.
CREATE VIEW drift AS
SELECT player, drift, ratio, CASE WHEN ratio / bound < 1.5 THEN 'minor' WHEN ratio / bound < 2 THEN 'moderate' ELSE 'major' END AS severity
FROM (
  SELECT player, 'off_theme' AS drift, CAST(astray AS DECIMAL) / deeds AS ratio, 0.25 AS bound FROM themes WHERE deeds >= 4
  UNION ALL
  SELECT player, 'tangential' AS drift, CAST(aside AS DECIMAL) / deeds AS ratio, 0.3 AS bound FROM themes WHERE deeds >= 4
  UNION ALL
  SELECT player, 'inconsistent' AS drift, CAST(astray + aside AS DECIMAL) / deeds AS ratio, 0.3 AS bound FROM themes WHERE deeds >= 4
) AS measured
WHERE ratio > bound
UNION ALL
SELECT player, 'stalled' AS drift, 1.0 AS ratio, 'moderate' AS severity
FROM themes AS t
WHERE NOT EXISTS (SELECT * FROM events AS e WHERE e.player = t.player AND e.kind = 'advance' AND now() <= e.at + INTERVAL '2 hours')
      AND EXISTS (SELECT * FROM presence AS p WHERE p.player = t.player AND p.server IS NOT NULL AND now() >= p.since + INTERVAL '2 hours');

CREATE VIEW conflicts AS
-- The dead do not speak: ten minutes after somebody died nobody talks to them.
SELECT e.player, e.id AS event, 'dead_npc_interaction' AS conflict, 'critical' AS severity, e.target AS about
FROM events AS e
JOIN (SELECT target, min(at) AS at FROM events WHERE kind = 'die' AND target IS NOT NULL AND now() <= at + INTERVAL '30 days' GROUP BY target) AS d
  ON d.target = e.target
WHERE e.kind = 'talk' AND e.player IS NOT NULL AND e.at > d.at + INTERVAL '10 minutes' AND now() <= e.at + INTERVAL '1 day'
UNION ALL
-- Timelines do not cross: nobody harms or spares who is dead already.
SELECT e.player, e.id AS event, 'timeline_paradox' AS conflict, 'high' AS severity, e.target AS about
FROM events AS e
JOIN (SELECT target, min(at) AS at FROM events WHERE kind = 'die' AND target IS NOT NULL AND now() <= at + INTERVAL '30 days' GROUP BY target) AS d
  ON d.target = e.target
WHERE e.kind IN ('spare', 'harm', 'kill') AND e.player IS NOT NULL AND e.at > d.at AND now() <= e.at + INTERVAL '1 day'
UNION ALL
-- Whoever betrays a family does it no favor within the hour.
SELECT e.player, e.id AS event, 'faction_contradiction' AS conflict, 'medium' AS severity, e.target AS about
FROM events AS e
JOIN (SELECT player, target, max(at) AS at FROM events WHERE kind = 'betray' AND player IS NOT NULL AND target IS NOT NULL AND now() <= at + INTERVAL '1 day' GROUP BY player, target) AS b
  ON b.player = e.player AND b.target = e.target
WHERE e.kind = 'favor' AND e.at >= b.at AND e.at <= b.at + INTERVAL '1 hour' AND now() <= e.at + INTERVAL '1 day'
UNION ALL
-- What somebody is told of a quest is how it stands.
SELECT e.player, e.id AS event, 'quest_state_mismatch' AS conflict, 'high' AS severity, e.target AS about
FROM events AS e JOIN quest_state AS q ON q.holder = e.player AND q.quest = e.target
WHERE e.kind = 'tell' AND e.player IS NOT NULL AND q.scope = 'player' AND e.state <> q.state AND now() <= e.at + INTERVAL '1 day';
