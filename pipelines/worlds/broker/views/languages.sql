-- Languages: how well a player knows one, from 0 to 1, and what that is good for. An artifact gives a tenth, once; its
-- name begins with its language.
CREATE VIEW languages AS
SELECT player, language, least(1, sum(part)) AS skill
FROM (
  SELECT holder AS player, substr(fact, 9) AS language, CAST(value AS DECIMAL) AS part
  FROM facts WHERE scope = 'player' AND starts_with(fact, 'learned_')
  UNION ALL
  SELECT holder AS player, substr(fact, 10, instr(substr(fact, 10), '_') - 1) AS language, 0.1 AS part
  FROM facts WHERE scope = 'player' AND starts_with(fact, 'examined_')
) AS parts
GROUP BY player, language;

-- Words from 0.3 on, phrases from 0.6, grammar at 0.8; understanding by the five thresholds; a translation is never worse than 0.3.
CREATE VIEW fluency AS
SELECT player, language, skill,
       CASE WHEN skill >= 0.9 THEN 5 WHEN skill >= 0.7 THEN 4 WHEN skill >= 0.5 THEN 3
            WHEN skill >= 0.3 THEN 2 WHEN skill >= 0.1 THEN 1 ELSE 0 END AS understanding,
       CASE WHEN skill >= 0.3 THEN floor(100 * skill) ELSE 0 END AS words,
       CASE WHEN skill > 0.6 THEN floor(50 * (skill - 0.6)) ELSE 0 END AS phrases,
       skill >= 0.8 AS grammar,
       greatest(0.3, skill) AS translation
FROM languages;

-- What the spell that was last spoken does: power = min(1, base * accuracy * (1 + 0.1 * level)), a hundred times of it in damage, sixty times in
-- seconds; nothing below half. Levels go from 1 to 10; the bases are ours.
CREATE VIEW spells AS
SELECT player, spell, power, 100 * power AS damage, 60 * power AS lasting_s
FROM (
  SELECT o.player, o.spell,
         CASE WHEN o.value < 50 THEN 0.0
              ELSE least(1, b.base * (o.value / 100.0) * (1 + 0.1 * coalesce(l.level, 1))) END AS power
  FROM (
    SELECT holder AS player, objective AS spell, max(value) AS value FROM objective_progress
    WHERE scope = 'player' AND quest = 'counting' AND objective IN ('flame', 'veil') AND value > 0 GROUP BY holder, objective
  ) AS o
  JOIN (VALUES ('flame', 0.6), ('veil', 0.3)) AS b (spell, base) ON b.spell = o.spell
  LEFT JOIN (
    SELECT holder AS player, greatest(1, least(10, max(CAST(value AS INTEGER)))) AS level
    FROM facts WHERE scope = 'player' AND fact = 'caster_level' GROUP BY holder
  ) AS l ON l.player = o.player
) AS spoken;
