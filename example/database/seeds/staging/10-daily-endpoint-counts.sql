-- Three months of 40 endpoints: enough that a slow query shows; only into an empty table.
INSERT INTO daily_endpoint_counts (endpoint, day, hits, bot_hits)
SELECT '/load/' || number, (now() AT TIME ZONE 'UTC')::date - age, number * 50 + age % 7 * 10, number * 5
FROM generate_series(1, 40) AS number, generate_series(1, 90) AS age
WHERE NOT EXISTS (SELECT FROM daily_endpoint_counts);
