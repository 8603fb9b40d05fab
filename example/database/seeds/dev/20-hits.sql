-- A few hits of today that the worker has yet to roll up; only when there is nothing of today.
INSERT INTO hits (endpoint, user_agent_class)
SELECT endpoint, user_agent_class
FROM (VALUES ('/', 'browser'), ('/', 'bot'), ('/docs', 'browser'), ('/api/v1/search', 'tool')) AS seed (endpoint, user_agent_class)
WHERE NOT EXISTS (SELECT FROM hits)
  AND NOT EXISTS (SELECT FROM daily_endpoint_counts WHERE day = (now() AT TIME ZONE 'UTC')::date);
