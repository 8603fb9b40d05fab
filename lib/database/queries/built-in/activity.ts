/** Who does what at this moment: sessions, locks, connections. */
export const activityQueries = {
  locks: `-- description: Sessions that wait for a lock, who holds it, and what both are doing
-- read-only: true
-- parameter: seconds numeric = 0  Only those that have waited at least this long
SELECT
  waiting.pid AS waits,
  waiting.usename AS "user",
  coalesce(nullif(waiting.application_name, ''), '-') AS application,
  date_trunc('second', clock_timestamp() - coalesce(lock.waitstart, waiting.query_start)) AS for,
  lock.mode || ' on ' || coalesce(lock.relation::regclass::text, lock.locktype) AS wants,
  holder.pid AS blocked_by,
  holder.usename AS holder,
  holder.state AS holder_state,
  date_trunc('second', clock_timestamp() - holder.xact_start) AS holder_open_for,
  left(waiting.query, 80) AS query,
  left(holder.query, 80) AS holder_query
FROM pg_stat_activity AS waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
JOIN pg_stat_activity AS holder ON holder.pid = blocker.pid
LEFT JOIN pg_locks AS lock ON lock.pid = waiting.pid AND NOT lock.granted
WHERE clock_timestamp() - coalesce(lock.waitstart, waiting.query_start) >= make_interval(secs => :seconds::float8)
ORDER BY coalesce(lock.waitstart, waiting.query_start), waiting.pid, holder.pid;
`,
  'long-transactions': `-- description: Transactions that have been open for a while, oldest first, and what they wait for
-- read-only: true
-- parameter: seconds numeric = 60  How long a transaction has been open at least
SELECT
  pid,
  usename AS "user",
  coalesce(nullif(application_name, ''), '-') AS application,
  datname AS database,
  state,
  date_trunc('second', clock_timestamp() - xact_start) AS open_for,
  age(backend_xmin) AS holds_back_transactions,
  wait_event_type || ': ' || wait_event AS waits_for,
  nullif(pg_blocking_pids(pid), '{}') AS blocked_by,
  left(query, 120) AS query
FROM pg_stat_activity
WHERE xact_start <= clock_timestamp() - make_interval(secs => :seconds::float8)
  AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
ORDER BY xact_start;
`,
  connections: `-- description: Connections by user, application and state, and how much of the server's limit they use
-- read-only: true
WITH allowed AS (
  SELECT current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int AS connections
)
SELECT
  coalesce(usename, 'all') AS "user",
  CASE WHEN usename IS NULL THEN '' ELSE coalesce(nullif(application_name, ''), '-') END AS application,
  CASE WHEN usename IS NULL THEN '' ELSE coalesce(state, '-') END AS state,
  count(*) AS connections,
  round(100.0 * count(*) / (SELECT connections FROM allowed), 1) AS percent_of_limit,
  (SELECT connections FROM allowed) AS "limit",
  date_trunc('second', max(clock_timestamp() - state_change)) AS longest_in_state
FROM pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY GROUPING SETS ((usename, application_name, state), ())
ORDER BY usename IS NULL DESC, count(*) DESC, 1, 2, 3;
`,
  'replication-lag': `-- description: Replicas and replication slots: how far behind they are, and how much WAL is kept for them
-- read-only: true
WITH here AS (
  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn
)
SELECT
  'replica' AS kind,
  coalesce(nullif(application_name, ''), client_addr::text, pid::text) AS name,
  state,
  pg_size_pretty(pg_wal_lsn_diff(here.lsn, coalesce(replay_lsn, flush_lsn, sent_lsn))) AS behind,
  pg_wal_lsn_diff(here.lsn, coalesce(replay_lsn, flush_lsn, sent_lsn)) AS behind_bytes,
  date_trunc('milliseconds', replay_lag) AS replay_lag,
  sync_state AS note
FROM pg_stat_replication, here
UNION ALL
SELECT
  slot_type || ' slot',
  slot_name,
  CASE WHEN active THEN 'active' ELSE 'inactive' END,
  pg_size_pretty(pg_wal_lsn_diff(here.lsn, restart_lsn)),
  pg_wal_lsn_diff(here.lsn, restart_lsn),
  NULL,
  'WAL ' || coalesce(wal_status, 'not kept') || coalesce(', of ' || database, '')
FROM pg_replication_slots, here
UNION ALL
SELECT
  'this server', 'replays', status, NULL, NULL,
  date_trunc('milliseconds', clock_timestamp() - pg_last_xact_replay_timestamp()),
  'from ' || sender_host
FROM pg_stat_wal_receiver
ORDER BY behind_bytes DESC NULLS LAST, kind, name;
`,
}
