-- Places that tell what happened in them.

-- The seven kinds of scenes, and what may lie in each, from what is always there on. What a thing is worth to who finds it: 1, if it matters much 5,
-- and 10 if all hangs on it.
CREATE VIEW scene_things AS
SELECT scene, place, thing, weight
FROM (VALUES
  ('abandoned_camp', 1, 'cold_fire', 'low'), ('abandoned_camp', 2, 'torn_tent', 'low'), ('abandoned_camp', 3, 'half_meal', 'medium'), ('abandoned_camp', 4, 'hidden_letter', 'critical'),
  ('battle_aftermath', 1, 'broken_blade', 'low'), ('battle_aftermath', 2, 'grave', 'medium'), ('battle_aftermath', 3, 'torn_banner', 'high'), ('battle_aftermath', 4, 'sealed_order', 'critical'),
  ('recent_departure', 1, 'warm_ashes', 'low'), ('recent_departure', 2, 'dropped_toy', 'medium'), ('recent_departure', 3, 'fresh_tracks', 'high'), ('recent_departure', 4, 'burnt_map', 'critical'),
  ('long_term_settlement', 1, 'worn_doorstep', 'low'), ('long_term_settlement', 2, 'patched_roof', 'low'), ('long_term_settlement', 3, 'carved_names', 'high'), ('long_term_settlement', 4, 'founding_stone', 'critical'),
  ('emergency', 1, 'barred_door', 'low'), ('emergency', 2, 'empty_vial', 'medium'), ('emergency', 3, 'last_words', 'critical'),
  ('hideout', 1, 'false_wall', 'medium'), ('hideout', 2, 'stolen_goods', 'high'), ('hideout', 3, 'list_of_names', 'critical'),
  ('workshop', 1, 'cold_forge', 'low'), ('workshop', 2, 'unfinished_work', 'medium'), ('workshop', 3, 'masters_notes', 'critical')
) AS t (scene, place, thing, weight);

-- What there is to see: of each region its scene, how many things, and how worn they are.
CREATE VIEW scenes AS
SELECT region, scene, things, wear,
       CASE WHEN wear <= 0.2 THEN 'recent' WHEN wear <= 0.5 THEN 'used' WHEN wear <= 0.8 THEN 'worn' ELSE 'ancient' END AS look
FROM (
  SELECT holder AS region,
         max(CAST(value AS TEXT)) FILTER (WHERE fact = 'scene') AS scene,
         coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'things'), 0) AS things,
         coalesce(max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'wear'), 0.0) AS wear
  FROM facts WHERE scope = 'region' AND fact IN ('scene', 'things', 'wear')
  GROUP BY holder
) AS places
WHERE scene IS NOT NULL AND scene <> 'none';

-- The things that tell something. The others are filler.
CREATE VIEW telling AS
SELECT s.region, t.thing, s.scene, t.weight, s.look,
       CASE t.weight WHEN 'critical' THEN 10 WHEN 'high' THEN 5 ELSE 1 END AS worth
FROM scenes AS s JOIN scene_things AS t ON t.scene = s.scene
WHERE t.place <= s.things;

-- Who has found what.
CREATE VIEW discoveries AS
SELECT DISTINCT e.player, e.region, e.target AS thing, t.worth
FROM events AS e JOIN telling AS t ON t.region = e.region AND t.thing = e.target
WHERE e.kind = 'examine' AND e.player IS NOT NULL AND e.region IS NOT NULL AND e.target IS NOT NULL AND now() <= e.at + INTERVAL '30 days';

-- How much of each place its visitors have found.
CREATE VIEW discovery_rates AS
SELECT t.region, t.things, coalesce(d.found, 0) AS found, round(CAST(coalesce(d.found, 0) AS DECIMAL) / t.things, 3) AS rate
FROM (SELECT region, count(*) AS things FROM telling GROUP BY region) AS t
LEFT JOIN (SELECT region, count(DISTINCT thing) AS found FROM discoveries GROUP BY region) AS d ON d.region = t.region;

-- The last hundred things that happened in each place.
CREATE VIEW place_history AS
SELECT region, n, what, amount, player, at
FROM (
  SELECT region, kind AS what, amount, coalesce(player, 'nobody') AS player, at, row_number() OVER (PARTITION BY region ORDER BY at DESC, id) AS n
  FROM events
  WHERE kind IN ('fight', 'settle', 'depart', 'kill', 'examine') AND region IS NOT NULL AND now() <= at + INTERVAL '30 days'
) AS ranked
WHERE n <= 100;

-- Where in a region each player stands, as far as the game has said it within the hour.
CREATE VIEW positions AS
SELECT player, region, x, y
FROM (
  SELECT player, region, x, y, row_number() OVER (PARTITION BY player ORDER BY at DESC, id DESC) AS n
  FROM events
  WHERE kind = 'step' AND player IS NOT NULL AND region IS NOT NULL AND x IS NOT NULL AND y IS NOT NULL
    AND now() <= at + INTERVAL '1 hour'
) AS ranked
WHERE n = 1;

-- What happened within thirty metres of where a player stands.
CREATE VIEW traces_near AS
SELECT p.player, e.id AS event, p.region, e.kind AS what, e.x, e.y, e.at
FROM positions AS p JOIN events AS e ON e.region = p.region
WHERE e.kind IN ('fight', 'settle', 'depart', 'kill') AND now() <= e.at + INTERVAL '30 days'
  AND (e.x - p.x) * (e.x - p.x) + (e.y - p.y) * (e.y - p.y) <= 900;
