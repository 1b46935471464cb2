-- What the engine can show, by its version. A version is one number: 5.6.1 is 50601.

-- What there is from a version on, and until which, as far as is known. Names and versions are an example.
CREATE VIEW engine_features AS
SELECT capability, category, since, until, shows
FROM (VALUES
  ('lumen', 'rendering', 50000, 999999, 'light under the ground and in rooms'),
  ('nanite', 'rendering', 50000, 999999, 'things that are looked at closely'),
  ('substrate', 'rendering', 50700, 999999, 'wet, dusty and layered surfaces'),
  ('niagara', 'animation', 42000, 999999, 'weather, smoke and sparks'),
  ('cascade', 'animation', 40000, 50000, 'smoke and sparks'),
  ('motion_matching', 'animation', 50400, 999999, 'people who walk as they would'),
  ('metasounds', 'audio', 50000, 999999, 'sounds that follow what happens'),
  ('chaos', 'physics', 50000, 999999, 'things that break'),
  ('physx', 'physics', 40000, 50000, 'things that fall'),
  ('mass', 'ai', 50000, 999999, 'crowds and cities'),
  ('world_partition', 'world_building', 50000, 999999, 'land as far as one sees')
) AS t (capability, category, since, until, shows);

-- What the realm's version can show; the fact has no row while it is at its default, 50601.
CREATE VIEW capabilities AS
SELECT f.capability, f.category, f.capability || ' (' || f.category || '): ' || f.shows AS text
FROM (SELECT capability, category, since, until, shows, 'engine_version' AS fact FROM engine_features) AS f
LEFT JOIN (
  SELECT fact, max(CAST(value AS INTEGER)) AS version FROM facts
  WHERE scope = 'realm' AND fact = 'engine_version'
  GROUP BY fact
) AS v ON v.fact = f.fact
WHERE f.since <= coalesce(v.version, 50601) AND coalesce(v.version, 50601) < f.until;
