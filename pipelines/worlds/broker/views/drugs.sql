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

-- What is in a player, as pure doses; they add up until a world hour after the last.
CREATE VIEW doses AS
SELECT holder AS player, substr(fact, 6) AS drug, max(CAST(value AS DECIMAL)) AS quality
FROM facts WHERE scope = 'player' AND starts_with(fact, 'dose_')
GROUP BY 1, 2;

-- The three mixtures: half as much again, three tenths as much again, and the last one.
CREATE VIEW mixtures AS
SELECT a.player, m.mixture, m.one, m.other, m.factor, m.lethal
FROM (VALUES
  ('ash', 'glimmer', 'dusk', 1.5, false),
  ('hush', 'marrow', 'slow_bell', 1.3, false),
  ('redthread', 'voidsalt', 'last_door', 1.0, true)
) AS m (one, other, mixture, factor, lethal)
JOIN doses AS a ON a.drug = m.one
JOIN doses AS b ON b.drug = m.other AND b.player = a.player;

-- What a player feels of each drug: its magnitude times the quality, times the mixture that it is in.
CREATE VIEW highs AS
SELECT d.player, d.drug, g.magnitude * d.quality * coalesce(m.factor, 1.0) AS effect
FROM doses AS d
JOIN drugs AS g ON g.drug = d.drug
LEFT JOIN (
  SELECT player, drug, max(factor) AS factor
  FROM (SELECT player, one AS drug, factor FROM mixtures UNION ALL SELECT player, other AS drug, factor FROM mixtures) AS parts
  GROUP BY player, drug
) AS m ON m.player = d.player AND m.drug = d.drug;

-- The broker's book: what a player knows of a drug by use and by sale. Five tiers; one use, five uses, ten sales, and ten sales with ten clients.
CREATE VIEW book AS
SELECT k.player, k.drug, k.uses, k.sales, coalesce(c.clients, 0) AS clients,
       CASE WHEN k.sales >= 10 AND c.clients >= 10 THEN 'mastery'
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

-- Different buyers: three are contacts, ten a network, and stay so (`reached`, rules/players.yaml).
CREATE VIEW clients AS
SELECT player, clients,
       CASE WHEN clients >= 10 THEN 'network' WHEN clients >= 3 THEN 'contacts' ELSE 'nobody' END AS reach
FROM (
  SELECT player, max(clients) AS clients
  FROM (
    SELECT holder AS player, value AS clients FROM objective_progress
    WHERE scope = 'player' AND quest = 'counting' AND objective = 'buyers' AND value > 0
    UNION ALL
    SELECT holder AS player, CAST(value AS INTEGER) AS clients FROM facts WHERE scope = 'player' AND fact = 'reached'
  ) AS counted
  GROUP BY player
) AS known;

-- What a broker is told of: prices that have moved by a fifth since the beginning of the day.
CREATE VIEW price_alerts AS
SELECT resource, price, change FROM prices WHERE abs(change) >= 0.2;
