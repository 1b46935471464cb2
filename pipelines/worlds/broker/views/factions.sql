-- Factions: relations, power, conflicts, and whose the regions are.

-- What two did towards each other, and what political events make of it, from -1 to 1; a row for each way.
CREATE VIEW relations AS
SELECT t.faction, t.other, greatest(-1, least(1, t.toward + coalesce(e.effect, 0))) AS relation
FROM (
  SELECT faction, other, sum(toward) AS toward, 'relations' AS what
  FROM (
    SELECT holder AS faction, substr(fact, 8) AS other, CAST(value AS DECIMAL) AS toward
    FROM facts WHERE scope = 'guild' AND starts_with(fact, 'toward_')
    UNION ALL
    SELECT substr(fact, 8) AS faction, holder AS other, CAST(value AS DECIMAL) AS toward
    FROM facts WHERE scope = 'guild' AND starts_with(fact, 'toward_')
  ) AS either
  WHERE faction <> other
  GROUP BY faction, other
) AS t
LEFT JOIN effects AS e ON e.what = t.what;

-- Two are in conflict below -0.5.
CREATE VIEW conflicts AS
SELECT faction, other, relation FROM relations WHERE relation < -0.5 AND faction < other;

CREATE VIEW owners AS
SELECT holder AS region, CAST(value AS TEXT) AS owner
FROM facts WHERE scope = 'region' AND fact = 'owner' AND CAST(value AS TEXT) IS NOT NULL;

CREATE VIEW settlers AS
SELECT holder AS region, substr(fact, 6) AS faction, greatest(0, max(CAST(value AS INTEGER))) AS npcs
FROM facts WHERE scope = 'region' AND starts_with(fact, 'npcs_')
GROUP BY 1, 2;

-- The eight families of the dark; their bases are ours. Power: min(1, base / 100 + 0.1 * territories + 0.05 * sum of relations + 0.02 * people * their average level).
CREATE VIEW factions AS
SELECT f.faction, least(1, f.base / 100.0 + 0.1 * coalesce(t.territories, 0) + 0.05 * coalesce(r.relations, 0)
         + 0.02 * coalesce(n.npcs, 0) * coalesce(CAST(l.value AS DECIMAL), 1)) AS power,
       coalesce(t.territories, 0) AS territories, coalesce(r.relations, 0) AS relations, coalesce(n.npcs, 0) AS npcs
FROM (VALUES ('carrion_kin', 18), ('chatter_swarm', 12), ('leviathan_conclave', 30), ('moon_clans', 22), ('obsidian_synod', 26), ('silent_court', 16), ('stitch_guild', 24), ('vampiric_houses', 28)) AS f (faction, base)
LEFT JOIN (SELECT owner AS faction, count(*) AS territories FROM owners GROUP BY owner) AS t ON t.faction = f.faction
LEFT JOIN (SELECT faction, sum(relation) AS relations FROM relations GROUP BY faction) AS r ON r.faction = f.faction
LEFT JOIN (SELECT faction, sum(npcs) AS npcs FROM settlers GROUP BY faction) AS n ON n.faction = f.faction
LEFT JOIN facts AS l ON l.holder = f.faction AND l.scope = 'guild' AND l.fact = 'npc_level';

-- The strength of each faction in each region: power + min(0.01 * people there, 0.3), and 0.2 where it is the owner.
CREATE VIEW strengths AS
SELECT p.region, p.faction,
       p.power + least(0.01 * coalesce(s.npcs, 0), 0.3) + CASE WHEN o.owner = p.faction THEN 0.2 ELSE 0.0 END AS strength,
       coalesce(o.owner = p.faction, false) AS owns
FROM (
  SELECT r.region, f.faction, f.power
  FROM (SELECT region, 1 AS one FROM (VALUES ('bone_market'), ('harbour'), ('old_hospital'), ('undercity')) AS v (region)) AS r
  JOIN (SELECT faction, power, 1 AS one FROM factions) AS f ON f.one = r.one
) AS p
LEFT JOIN settlers AS s ON s.region = p.region AND s.faction = p.faction
LEFT JOIN owners AS o ON o.region = p.region;

-- Who takes a region: the strongest of those that do not own it, if it is nobody's and that strength is above 0.3, or if it is more than 0.1
-- above the owner's.
CREATE VIEW takeovers AS
SELECT c.region, c.faction, max(c.strength) AS strength
FROM (
  SELECT region, faction, strength, row_number() OVER (PARTITION BY region ORDER BY strength DESC, faction) AS n
  FROM strengths WHERE NOT owns
) AS c
LEFT JOIN (SELECT region, max(strength) AS strength FROM strengths WHERE owns GROUP BY region) AS o ON o.region = c.region
WHERE c.n = 1 AND (o.strength IS NULL AND c.strength > 0.3 OR c.strength > o.strength + 0.1)
GROUP BY c.region, c.faction;
