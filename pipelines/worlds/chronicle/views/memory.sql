-- What is remembered of players. What happened counts for thirty days, and is forgotten then.

-- The last twenty decisions of each player.
CREATE VIEW decisions AS
SELECT player, n, chosen, about, weight, at
FROM (
  SELECT player, target AS chosen, about, amount AS weight, at,
         row_number() OVER (PARTITION BY player ORDER BY at DESC, id, source) AS n
  FROM events
  WHERE kind = 'decide' AND player IS NOT NULL AND now() <= at + INTERVAL '30 days'
) AS ranked
WHERE n <= 20;

-- How somebody stands towards a player, from -100 to 100.
CREATE VIEW relations AS
SELECT player, target AS npc,
       greatest(-100, least(100, sum(CASE WHEN kind = 'befriend' THEN amount ELSE -amount END))) AS regard
FROM events
WHERE kind IN ('befriend', 'quarrel') AND player IS NOT NULL AND target IS NOT NULL AND now() <= at + INTERVAL '30 days'
GROUP BY player, target;

-- How families, which carry the tag `family`, stand towards a player, from -100 to 100: favors 5 each, debts -3, betrayals -40.
CREATE VIEW standing AS
SELECT player, family, favors, debts, betrayals,
       greatest(-100, least(100, 5 * favors - 3 * debts - 40 * betrayals)) AS standing
FROM (
  SELECT e.player, e.target AS family,
         coalesce(sum(e.amount) FILTER (WHERE e.kind = 'favor'), 0) AS favors,
         coalesce(sum(e.amount) FILTER (WHERE e.kind = 'debt'), 0) AS debts,
         coalesce(sum(e.amount) FILTER (WHERE e.kind = 'betray'), 0) AS betrayals
  FROM events AS e JOIN entities AS f ON f.entity = e.target
  WHERE e.kind IN ('favor', 'debt', 'betray') AND e.player IS NOT NULL AND e.target IS NOT NULL
        AND f.tags LIKE '%"family"%' AND now() <= e.at + INTERVAL '30 days'
  GROUP BY e.player, e.target
) AS counted;

-- The last twenty turns of each conversation: what players said is theirs and is not here, that they spoke is.
CREATE VIEW turns AS
SELECT player, npc, n, speaker, tick
FROM (
  SELECT player, npc, speaker, tick, row_number() OVER (PARTITION BY player, npc ORDER BY tick DESC, speaker) AS n
  FROM (
    SELECT player, npc, 'npc' AS speaker, tick FROM npc_lines WHERE now() <= tick + INTERVAL '30 days'
    UNION ALL
    SELECT player, target AS npc, 'player' AS speaker, tick FROM events
    WHERE kind = 'talk' AND player IS NOT NULL AND target IS NOT NULL AND now() <= at + INTERVAL '30 days'
  ) AS both
) AS ranked
WHERE n <= 20;

-- The eight things that somebody remembers best of a player: recency times importance times relevance. Recency halves every two hours, so twice
-- the importance is worth two hours, and the order of two never changes by itself: what was better stays better until it is forgotten. What was done to
-- them counts twice as much as what they only heard of. Only those whom the player has talked to remember anything. `text` is what a model is told.
CREATE VIEW memories AS
SELECT player, npc, n, what, about, at,
       CASE what WHEN 'spare' THEN 'spared ' WHEN 'harm' THEN 'harmed ' WHEN 'befriend' THEN 'was kind to ' WHEN 'quarrel' THEN 'quarrelled with '
                 WHEN 'betray' THEN 'betrayed ' ELSE 'chose ' END
       || CASE WHEN about = npc THEN 'you' ELSE about END AS text
FROM (
  SELECT player, npc, what, about, at,
         row_number() OVER (PARTITION BY player, npc ORDER BY at + worth DESC, id, source) AS n
  FROM (
    SELECT e.player, e.npc, e.what, e.about, e.at, e.id, e.source,
           CASE WHEN e.amount >= 8 THEN INTERVAL '6 hours' WHEN e.amount >= 4 THEN INTERVAL '4 hours'
                WHEN e.amount >= 2 THEN INTERVAL '2 hours' ELSE INTERVAL '0 hours' END
           + CASE WHEN e.npc = e.about THEN INTERVAL '2 hours' ELSE INTERVAL '0 hours' END AS worth
    FROM (
      SELECT e.player, f.npc, e.kind AS what, coalesce(e.target, 'nobody') AS about, e.at, e.id, e.source, e.amount
      FROM events AS e
      JOIN (
        SELECT DISTINCT player, target AS npc FROM events
        WHERE kind = 'talk' AND player IS NOT NULL AND target IS NOT NULL AND now() <= at + INTERVAL '30 days'
      ) AS f ON f.player = e.player
      WHERE e.kind IN ('spare', 'harm', 'befriend', 'quarrel', 'betray', 'decide') AND e.player IS NOT NULL
            AND now() <= e.at + INTERVAL '30 days'
    ) AS e
  ) AS weighed
) AS ranked
WHERE n <= 8;

-- Who leans beyond -1 and 1 for now: rules/memory.yaml brings them back.
CREATE VIEW leans_too_far AS
SELECT holder AS player
FROM facts
WHERE scope = 'player' AND fact = 'leaning' AND abs(CAST(value AS DECIMAL)) > 1;
