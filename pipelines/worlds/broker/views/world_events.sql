-- World events, what they are worth to the world's five areas, and what that does.

-- Those that last: a fact of each kind holds how intense it is, from 0 to 1, and ends by itself.
CREATE VIEW world_events AS
SELECT substr(fact, 7) AS area, greatest(0, least(1, max(value))) AS intensity
FROM realm_numbers
WHERE starts_with(fact, 'event_')
GROUP BY 1;

-- Half of an event's intensity, 1.2 times of its own area and 0.8 times of every other.
CREATE VIEW impacts AS
SELECT a.area, sum(e.intensity * 0.5 * CASE WHEN a.area = e.area THEN 1.2 ELSE 0.8 END) AS impact
FROM (SELECT area, intensity, 1 AS one FROM world_events) AS e
JOIN (VALUES ('economic', 1), ('natural', 1), ('political', 1), ('social', 1), ('technological', 1)) AS a (area, one) ON a.one = e.one
GROUP BY a.area;

-- What the impact on an area does, as long as it lasts, and so many times of it (ours). Prices and what there is of a resource move by a part of
-- themselves; stability, relations and notoriety by so much.
CREATE VIEW effects AS
SELECT w.what, w.times * i.impact AS effect
FROM (VALUES
  ('price_energy', 'technological', -0.1),
  ('price_food', 'natural', 0.2),
  ('price_luxury', 'social', -0.3),
  ('price_materials', 'natural', 0.2),
  ('price_medicine', 'natural', 0.3),
  ('price_technology', 'technological', -0.2),
  ('available_energy', 'technological', 0.2),
  ('available_food', 'natural', -0.2),
  ('available_materials', 'natural', -0.2),
  ('available_technology', 'technological', 0.2),
  ('stability', 'economic', -0.2),
  ('relations', 'political', -0.2),
  ('notoriety', 'social', 1)
) AS w (what, area, times)
JOIN impacts AS i ON i.area = w.area;
