-- Two weeks of history up to yesterday, with a weekly rhythm; only into an empty table.
INSERT INTO daily_endpoint_counts (endpoint, day, hits, bot_hits)
SELECT endpoint, day, hits, hits / bot_share
FROM (
  SELECT
    endpoint,
    bot_share,
    (now() AT TIME ZONE 'UTC')::date - age AS day,
    popularity * CASE WHEN age % 7 IN (0, 1) THEN 4 ELSE 7 END + age * 3 AS hits
  FROM (VALUES ('/', 60, 4), ('/pricing', 22, 9), ('/docs', 31, 3), ('/api/v1/search', 45, 20)) AS endpoints (endpoint, popularity, bot_share),
    generate_series(1, 14) AS age
) AS history
WHERE NOT EXISTS (SELECT FROM daily_endpoint_counts);
