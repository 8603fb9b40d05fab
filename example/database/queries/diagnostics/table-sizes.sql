-- name: table-sizes
-- description: Tables by size on disk, with their indexes, live and dead rows
-- read-only: true
SELECT
  relname AS "table",
  pg_size_pretty(pg_total_relation_size(relid)) AS total,
  pg_size_pretty(pg_indexes_size(relid)) AS indexes,
  n_live_tup AS live_rows,
  n_dead_tup AS dead_rows,
  greatest(last_vacuum, last_autovacuum) AS last_vacuum
FROM pg_stat_user_tables
ORDER BY pg_total_relation_size(relid) DESC;
