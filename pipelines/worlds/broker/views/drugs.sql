-- Drugs: what they are worth, what is in whom, and what goes together.

-- The eight and their values, as before; how strong one is, is ours.
CREATE VIEW drugs AS
SELECT * FROM (VALUES
  ('ash', 50, 1),
  ('glimmer', 200, 2),
  ('hush', 1000, 3),
  ('marrow', 1500, 4),
  ('nightmilk', 5000, 5),
  ('redthread', 10000, 6),
  ('seraph', 50000, 7),
  ('voidsalt', 100000, 8)
) AS t (drug, worth, magnitude);

-- What is in a player; the quality of doses adds up until a world hour after the last.
CREATE VIEW doses AS
SELECT holder AS player, substr(fact, 6) AS drug, max(CAST(value AS DECIMAL)) AS quality
FROM facts WHERE scope = 'player' AND starts_with(fact, 'dose_')
GROUP BY 1, 2;

-- The three mixtures: half as much again, three tenths as much again, and the last one.
CREATE VIEW mixtures AS
SELECT a.player, m.mixture, m.factor, m.lethal
FROM (VALUES
  ('ash', 'glimmer', 'dusk', 1.5, false),
  ('hush', 'marrow', 'slow_bell', 1.3, false),
  ('redthread', 'voidsalt', 'last_door', 1.0, true)
) AS m (one, other, mixture, factor, lethal)
JOIN doses AS a ON a.drug = m.one
JOIN doses AS b ON b.drug = m.other AND b.player = a.player;

-- What a player feels: of each drug its magnitude times the quality, times the best mixture that the player has in them.
CREATE VIEW highs AS
SELECT d.player, d.drug, g.magnitude * d.quality * coalesce(m.factor, 1.0) AS effect
FROM doses AS d
JOIN drugs AS g ON g.drug = d.drug
LEFT JOIN (SELECT player, max(factor) AS factor FROM mixtures GROUP BY player) AS m ON m.player = d.player;

-- The broker's book: what a player knows of a drug by use and by sale. Five tiers; one use, five uses, ten sales, and ten sales with ten clients.
CREATE VIEW book AS
SELECT k.player, k.drug, k.uses, k.sales, coalesce(c.clients, 0) AS clients,
       CASE WHEN k.sales >= 10 AND coalesce(c.clients, 0) >= 10 THEN 'mastery'
            WHEN k.sales >= 10 THEN 'expertise'
            WHEN k.uses >= 5 THEN 'familiarity'
            WHEN k.uses >= 1 THEN 'awareness'
            ELSE 'rumour' END AS tier
FROM (
  SELECT player, drug, sum(uses) AS uses, sum(sales) AS sales
  FROM (
    SELECT holder AS player, substr(fact, 6) AS drug, CAST(value AS INTEGER) AS uses, 0 AS sales
    FROM facts WHERE scope = 'player' AND starts_with(fact, 'uses_')
    UNION ALL
    SELECT holder AS player, substr(fact, 7) AS drug, 0 AS uses, CAST(value AS INTEGER) AS sales
    FROM facts WHERE scope = 'player' AND starts_with(fact, 'sales_')
  ) AS pages
  GROUP BY player, drug
) AS k
LEFT JOIN clients AS c ON c.player = k.player;

-- Different buyers (quests/learning.yaml counts them): three are contacts, ten a network.
CREATE VIEW clients AS
SELECT holder AS player, max(value) AS clients,
       CASE WHEN max(value) >= 10 THEN 'network' WHEN max(value) >= 3 THEN 'contacts' ELSE 'nobody' END AS reach
FROM objective_progress WHERE scope = 'player' AND quest = 'brokering' AND objective = 'buyers' AND value > 0
GROUP BY holder;

-- What a broker is told of: prices that have moved by a fifth in a day.
CREATE VIEW price_alerts AS
SELECT resource, price, change FROM prices WHERE abs(change) >= 0.2;
