-- How each quest is going.
CREATE VIEW quest_board AS
SELECT
  quest,
  count(*) FILTER (WHERE state IN ('active', 'ready')) AS open,
  coalesce(sum(completions), 0) AS completed
FROM quest_state
GROUP BY quest;

-- The three who have done most for each objective that is held together.
CREATE VIEW top_contributors AS
SELECT quest, objective, n, player, amount
FROM (
  SELECT quest, objective, player, sum(amount) AS amount,
         row_number() OVER (PARTITION BY quest, objective ORDER BY sum(amount) DESC, player) AS n
  FROM contributions
  GROUP BY quest, objective, player
) AS ranked
WHERE n <= 3;
