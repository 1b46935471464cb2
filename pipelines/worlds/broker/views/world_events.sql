-- World events and what they do to the world's five areas.

-- Those that last: a fact of each kind holds how intense it is, and ends by itself.
CREATE VIEW world_events AS
SELECT substr(fact, 7) AS area, max(value) AS intensity
FROM realm_numbers
WHERE starts_with(fact, 'event_')
GROUP BY 1;

-- Half of an event's intensity, 1.2 times of its own area and 0.8 times of every other.
CREATE VIEW impacts AS
SELECT a.area, sum(e.intensity * 0.5 * CASE WHEN a.area = e.area THEN 1.2 ELSE 0.8 END) AS impact
FROM (SELECT area, intensity, 1 AS one FROM world_events) AS e
JOIN (VALUES ('economic', 1), ('natural', 1), ('political', 1), ('social', 1), ('technological', 1)) AS a (area, one) ON a.one = e.one
GROUP BY a.area;
