-- Engagement, of cohorts of at least fifty only: a smaller one has no row, and nothing is worked out of one player. A measure that was not sent is
-- nothing, and goes too far in nothing.
CREATE VIEW cohorts AS
SELECT c.cohort, count(*) AS players,
       round(avg((coalesce(p.partners, 0) / 5.0 + least(m.talks / 100.0, 1)) / 2), 3) AS attention,
       round(avg(0.4 * m.entropy + 0.3 * least(m.latency / 30, 1) + 0.2 * m.reload + 0.1 * m.retry), 3) AS tension,
       count(*) FILTER (WHERE m.night >= 0.3) AS by_night,
       count(*) FILTER (WHERE m.loops >= 4) AS in_loops,
       count(*) FILTER (WHERE m.long >= 0.25) AS too_long,
       count(*) FILTER (WHERE m.days >= 21) AS every_day,
       count(*) FILTER (WHERE m.gap < 8) AS without_sleep
FROM (
  SELECT holder AS player, CAST(value AS TEXT) AS cohort FROM facts WHERE scope = 'player' AND fact = 'cohort'
) AS c
JOIN (
  SELECT holder AS player,
         coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'talks'), 0) AS talks,
         coalesce(max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'choice_entropy'), 0.0) AS entropy,
         coalesce(max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'latency_s'), 0.0) AS latency,
         coalesce(max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'reload_rate'), 0.0) AS reload,
         coalesce(max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'retry_rate'), 0.0) AS retry,
         max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'night_share') AS night,
         max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'loops') AS loops,
         max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'long_session_share') AS long,
         max(CAST(value AS INTEGER)) FILTER (WHERE fact = 'days_in_a_row') AS days,
         max(CAST(value AS DECIMAL)) FILTER (WHERE fact = 'shortest_gap_h') AS gap
  FROM facts WHERE scope = 'player' GROUP BY holder
) AS m ON m.player = c.player
LEFT JOIN (
  SELECT holder AS player, max(value) AS partners FROM objective_progress
  WHERE scope = 'player' AND quest = 'counting' AND objective = 'partners' GROUP BY holder
) AS p ON p.player = c.player
WHERE c.cohort IS NOT NULL
GROUP BY c.cohort
HAVING count(*) >= 50;
