-- name: busiest-endpoints
-- description: Endpoints by hits over the last days, with the share that bots made
-- read-only: true
-- parameter: days integer = 7    How many days, today (UTC) included
-- parameter: limit integer = 20  How many endpoints at most
SELECT
  endpoint,
  sum(hits) AS hits,
  round(100.0 * sum(bot_hits) / nullif(sum(hits), 0), 1) AS bot_percent
FROM daily_endpoint_counts
WHERE day > (now() AT TIME ZONE 'UTC')::date - :days
GROUP BY endpoint
ORDER BY sum(hits) DESC, endpoint
LIMIT :limit;
