-- name: long-transactions
-- description: Transactions that have been open for a while, oldest first, and what they wait for
-- read-only: true
-- parameter: seconds integer = 60   How long a transaction has been open at least
SELECT
  pid,
  usename AS "user",
  application_name AS application,
  state,
  date_trunc('second', now() - xact_start) AS open_for,
  wait_event_type || ': ' || wait_event AS waits_for,
  pg_blocking_pids(pid) AS blocked_by,
  left(query, 120) AS query
FROM pg_stat_activity
WHERE xact_start < now() - make_interval(secs => :seconds)
  AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
ORDER BY xact_start;
