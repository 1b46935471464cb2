-- Where stories go astray, and where they contradict themselves: a row is an alert. A drift goes when its cause does, a conflict after a day.

-- What players have done in the last three hours, by theme.
CREATE VIEW themes AS
SELECT player, count(*) AS deeds,
       count(*) FILTER (WHERE target IN ('racing', 'fishing', 'gambling', 'sports', 'farming', 'cooking', 'dating_sim', 'puzzle_solving')) AS astray,
       count(*) FILTER (WHERE target = 'side') AS aside
FROM events
WHERE kind = 'act' AND player IS NOT NULL AND now() <= at + INTERVAL '3 hours'
GROUP BY player;

-- A quarter off the theme, three tenths on the side, seven tenths in keeping, of four deeds or more. How bad it is, is how far the bound is
-- passed: below one and a half times minor, below twice moderate, else major. And nothing of the main story for two hours by somebody who is here,
-- whatever else they do: rules/stories.yaml notes who comes, and the fact `went_on` goes two hours after they came or went on last.
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
SELECT h.holder AS player, 'stalled' AS drift, 1.0 AS ratio, 'moderate' AS severity
FROM facts AS h
WHERE h.scope = 'player' AND h.fact = 'here'
      AND NOT EXISTS (SELECT * FROM facts AS g WHERE g.holder = h.holder AND g.scope = 'player' AND g.fact = 'went_on');

-- What somebody was told of a quest that stood otherwise, as long as it stands so. A quest that they have never had is available. A state that began
-- in the tick of the telling, or after what was told, says nothing of it: so what a quest becomes later makes nothing wrong that was right. Nor does
-- it make right what was wrong: rules/stories.yaml notes it. Quests of groups are not judged.
CREATE VIEW told_wrong AS
SELECT e.player, e.id AS event, e.target AS quest
FROM events AS e
LEFT JOIN (SELECT holder, quest, state, since FROM quest_state WHERE scope = 'player') AS q ON q.holder = e.player AND q.quest = e.target
WHERE e.kind = 'tell' AND e.player IS NOT NULL AND e.target IS NOT NULL AND now() <= e.at + INTERVAL '1 day'
      AND e.state <> coalesce(q.state, 'available') AND (q.since IS NULL OR (q.since < e.tick AND q.since <= e.at))
      AND NOT EXISTS (SELECT * FROM quest_state AS g WHERE g.quest = e.target AND g.scope <> 'player');

-- A conflict is shown for a day from what happened on; deaths count for thirty days.
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
-- Whoever betrays a family does it no favor within the hour, whatever else they do to it later. A betrayal counts for as long as such a favor does.
SELECT DISTINCT e.player, e.id AS event, 'faction_contradiction' AS conflict, 'medium' AS severity, e.target AS about
FROM events AS e JOIN events AS b ON b.player = e.player AND b.target = e.target
WHERE e.kind = 'favor' AND b.kind = 'betray' AND e.player IS NOT NULL AND e.target IS NOT NULL AND e.at >= b.at AND e.at <= b.at + INTERVAL '1 hour'
      AND now() <= e.at + INTERVAL '1 day' AND now() <= b.at + INTERVAL '25 hours'
UNION ALL
-- What somebody is told of a quest is how it stands: what is told wrong, and what has been noted of it.
SELECT player, event, 'quest_state_mismatch' AS conflict, 'high' AS severity, quest AS about
FROM (
  SELECT player, event, quest FROM told_wrong
  UNION
  SELECT player, coalesce(telling, id) AS event, target AS quest FROM events
  WHERE kind = 'misled' AND player IS NOT NULL AND target IS NOT NULL AND now() <= at + INTERVAL '1 day'
) AS wrong;
