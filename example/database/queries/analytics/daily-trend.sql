-- name: daily-trend
-- description: Hits per day over the last days, and the change against the same weekday a week before
-- read-only: true
-- parameter: days integer = 14  How many days, today (UTC) included
WITH daily AS (
  SELECT day, sum(hits) AS hits
  FROM daily_endpoint_counts
  GROUP BY day
)
SELECT
  daily.day,
  daily.hits,
  round(100.0 * (daily.hits - before.hits) / nullif(before.hits, 0), 1) AS change_percent
FROM daily
LEFT JOIN daily AS before ON before.day = daily.day - 7
WHERE daily.day > (now() AT TIME ZONE 'UTC')::date - :days
ORDER BY daily.day DESC;
