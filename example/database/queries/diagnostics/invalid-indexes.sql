-- name: invalid-indexes
-- description: Indexes that an interrupted CREATE INDEX CONCURRENTLY left behind; they cost writes and serve no read
-- read-only: true
SELECT
  indexrelid::regclass AS "index",
  indrelid::regclass AS "table",
  pg_size_pretty(pg_relation_size(indexrelid)) AS size
FROM pg_index
WHERE NOT indisvalid
ORDER BY pg_relation_size(indexrelid) DESC;
