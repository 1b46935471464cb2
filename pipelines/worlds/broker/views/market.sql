-- The market: six resources, what they cost, and what moves them.

-- Base price, volatility and demand, as before.
CREATE VIEW resources AS
SELECT * FROM (VALUES
  ('energy', 100, 0.15, 0.8),
  ('materials', 50, 0.12, 0.9),
  ('technology', 200, 0.2, 0.6),
  ('food', 30, 0.08, 1.0),
  ('medicine', 150, 0.1, 0.7),
  ('luxury', 300, 0.25, 0.4)
) AS t (resource, base, volatility, demand);

-- The numbers among the facts of the realm.
CREATE VIEW realm_numbers AS
SELECT fact, max(CAST(value AS DECIMAL)) AS value FROM facts WHERE scope = 'realm' GROUP BY fact;

-- What each rule of rules/market.yaml needs. Before, a price changed by (volatility * U(-1, 1) + 0.1 * 2 * (demand - 0.5)) * 0.1, so with
-- demand above 0.5 it rose without end; now a price above its base lowers demand. `swing` is how far chance carries it at most.
CREATE VIEW market AS
SELECT resource, base, price, demand,
       price * volatility * 0.1 AS swing,
       price * 0.1 * 2 * (demand - 0.5) * 0.1 AS drift
FROM (
  SELECT r.resource, r.base, r.volatility, coalesce(p.value, r.base) AS price,
         greatest(0, least(1, r.demand - 0.5 * (coalesce(p.value, r.base) / r.base - 1))) AS demand
  FROM resources AS r
  LEFT JOIN realm_numbers AS p ON p.fact = 'price_' || r.resource
) AS priced;

-- What is asked for a resource: its price with the shocks of the market and the effects of world events (views/world_events.sql), within a tenth and three
-- times its base. Its change and its trend are those of that price since the beginning of the day.
CREATE VIEW prices AS
SELECT resource, price, available, price / before - 1 AS change,
       CASE WHEN price / before - 1 >= 0.05 THEN 'rising'
            WHEN price / before - 1 <= -0.05 THEN 'falling'
            ELSE 'stable' END AS trend
FROM (
  SELECT m.resource,
         greatest(m.base * 0.1, least(m.base * 3, m.price * (1 + coalesce(s.value, 0) + coalesce(e.effect, 0)))) AS price,
         greatest(0, coalesce(a.value, 1) + coalesce(f.effect, 0)) AS available,
         coalesce(b.value, m.base) AS before
  FROM market AS m
  LEFT JOIN realm_numbers AS b ON b.fact = 'before_' || m.resource
  LEFT JOIN realm_numbers AS s ON s.fact = 'shock_' || m.resource
  LEFT JOIN realm_numbers AS a ON a.fact = 'available_' || m.resource
  LEFT JOIN effects AS e ON e.what = 'price_' || m.resource
  LEFT JOIN effects AS f ON f.what = 'available_' || m.resource
) AS asked;

-- What one unit is traded for: price * (0.8 + 0.4 * stability) * (1 + inflation). Stability lies between 0 and 1, and a price is never below nothing.
CREATE VIEW quotes AS
SELECT p.resource,
       p.price * (0.8 + 0.4 * greatest(0, least(1, t.stability + coalesce(e.effect, 0)))) * greatest(0, 1 + t.inflation) AS unit
FROM (SELECT resource, price, 'stability' AS what FROM prices) AS p
JOIN (
  SELECT 'stability' AS what, coalesce(max(value) FILTER (WHERE fact = 'stability'), 0.5) AS stability,
         coalesce(max(value) FILTER (WHERE fact = 'inflation'), 0.0) AS inflation
  FROM realm_numbers
) AS t ON t.what = p.what
LEFT JOIN effects AS e ON e.what = p.what;

-- The last thirty prices of each resource, a world hour (a real minute) apart, the latest first.
CREATE VIEW price_history AS
SELECT resource, n, asked, at
FROM (
  SELECT target AS resource, row_number() OVER (PARTITION BY target ORDER BY at DESC) AS n, asked, at
  FROM events
  WHERE kind = 'price_sample' AND target IS NOT NULL AND now() <= at + INTERVAL '1 hour'
) AS sampled
WHERE n <= 30;
