/** What lies on disk: sizes, bloat, indexes. */
export const storageQueries = {
  'table-sizes': `-- description: Tables by size on disk, with their indexes, live and dead rows
-- read-only: true
-- parameter: limit integer = 50  How many tables at most
SELECT
  relid::regclass AS "table",
  pg_size_pretty(pg_total_relation_size(relid)) AS total,
  pg_size_pretty(pg_table_size(relid)) AS data,
  pg_size_pretty(pg_indexes_size(relid)) AS indexes,
  n_live_tup AS live_rows,
  n_dead_tup AS dead_rows,
  date_trunc('second', greatest(last_vacuum, last_autovacuum)) AS last_vacuum,
  date_trunc('second', greatest(last_analyze, last_autoanalyze)) AS last_analyze
FROM pg_stat_user_tables
ORDER BY pg_total_relation_size(relid) DESC, 1
LIMIT :limit;
`,
  bloat: `-- description: Tables and B-tree indexes that are larger than their rows need; estimated from the statistics of ANALYZE
-- read-only: true
-- parameter: percent numeric = 30  How much of it is empty at least
-- parameter: megabytes numeric = 1  How much that is at least
WITH columns AS (
  SELECT
    attribute.attrelid,
    attribute.attnum,
    statistics.avg_width * (1 - statistics.null_frac) AS width
  FROM pg_attribute AS attribute
  JOIN pg_class AS class ON class.oid = attribute.attrelid
  JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
  JOIN pg_stats AS statistics ON statistics.schemaname = namespace.nspname
    AND statistics.tablename = class.relname
    AND statistics.attname = attribute.attname
    AND NOT statistics.inherited
  WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
), tables AS (
  SELECT
    class.oid,
    class.relpages::numeric AS pages,
    -- A row: 24 bytes of head, its columns rounded up to 8, 4 bytes in the page's list; 24 bytes of each page are its head.
    ceil(class.reltuples::numeric * (28 + ceil(sum(columns.width) / 8)::numeric * 8)
      / ((current_setting('block_size')::numeric - 24) * coalesce(
        substring(array_to_string(class.reloptions, ' ') FROM 'fillfactor=([0-9]+)')::numeric, 100) / 100)) AS needed
  FROM pg_class AS class
  JOIN columns ON columns.attrelid = class.oid
  WHERE class.relkind IN ('r', 'm') AND class.reltuples >= 0
  GROUP BY class.oid
), indexes AS (
  SELECT
    class.oid,
    class.relpages::numeric AS pages,
    -- An entry: 8 bytes of head, its columns rounded up to 8, 4 bytes in the page's list; the first page is the index's own.
    1 + ceil(class.reltuples::numeric * (12 + ceil(sum(columns.width) / 8)::numeric * 8)
      / ((current_setting('block_size')::numeric - 40) * coalesce(
        substring(array_to_string(class.reloptions, ' ') FROM 'fillfactor=([0-9]+)')::numeric, 90) / 100)) AS needed
  FROM pg_index AS index
  JOIN pg_class AS class ON class.oid = index.indexrelid
  JOIN pg_am AS method ON method.oid = class.relam AND method.amname = 'btree'
  JOIN columns ON columns.attrelid = index.indrelid AND columns.attnum = ANY (index.indkey)
  -- An index over expressions has no statistics here.
  WHERE NOT 0 = ANY (index.indkey) AND class.reltuples >= 0
  GROUP BY class.oid
), both_kinds AS (
  SELECT 'table' AS kind, * FROM tables
  UNION ALL
  SELECT 'index', * FROM indexes
)
SELECT
  both_kinds.kind,
  both_kinds.oid::regclass AS name,
  pg_size_pretty(pages * current_setting('block_size')::numeric) AS size,
  pg_size_pretty((pages - needed) * current_setting('block_size')::numeric) AS empty,
  round(100 * (pages - needed) / nullif(pages, 0), 1) AS empty_percent,
  ((pages - needed) * current_setting('block_size')::numeric)::bigint AS empty_bytes,
  statistics.n_dead_tup AS dead_rows
FROM both_kinds
JOIN pg_class AS class ON class.oid = both_kinds.oid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
LEFT JOIN pg_stat_user_tables AS statistics ON statistics.relid = both_kinds.oid
WHERE namespace.nspname NOT IN ('pg_catalog', 'information_schema')
  AND pages > needed
  AND 100 * (pages - needed) / nullif(pages, 0) >= :percent
  AND (pages - needed) * current_setting('block_size')::numeric >= :megabytes * 1048576
ORDER BY pages - needed DESC, name;
`,
  'unused-indexes': `-- description: Indexes that no query has used since the statistics began; each costs every write. Constraints are left out
-- read-only: true
-- parameter: scans bigint = 0  How often an index was used at most
SELECT
  statistics.indexrelid::regclass AS "index",
  statistics.relid::regclass AS "table",
  pg_size_pretty(pg_relation_size(statistics.indexrelid)) AS size,
  statistics.idx_scan AS scans,
  tables.n_tup_ins + tables.n_tup_upd + tables.n_tup_del AS writes,
  date_trunc('second', database.stats_reset) AS statistics_since
FROM pg_stat_user_indexes AS statistics
JOIN pg_index AS index USING (indexrelid)
JOIN pg_stat_user_tables AS tables ON tables.relid = statistics.relid
JOIN pg_stat_database AS database ON database.datname = current_database()
WHERE statistics.idx_scan <= :scans
  AND NOT index.indisunique
  AND NOT index.indisexclusion
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.indexrelid)
ORDER BY pg_relation_size(statistics.indexrelid) DESC, 1;
`,
  'missing-indexes': `-- description: Foreign keys without an index behind them, and big tables that are mostly read from end to end
-- read-only: true
-- parameter: rows bigint = 10000  How many rows a table has at least
-- parameter: scans bigint = 50  How often a table was read from end to end at least
SELECT
  'foreign key' AS reason,
  constraint_.conrelid::regclass AS "table",
  (SELECT string_agg(quote_ident(attname), ', ' ORDER BY place)
    FROM unnest(constraint_.conkey) WITH ORDINALITY AS key (attnum, place)
    JOIN pg_attribute AS attribute ON attribute.attrelid = constraint_.conrelid AND attribute.attnum = key.attnum) AS columns,
  'each delete in ' || constraint_.confrelid::regclass || ' reads all of it' AS costs,
  statistics.n_live_tup AS rows,
  statistics.seq_scan AS full_reads,
  coalesce(statistics.idx_scan, 0) AS index_reads
FROM pg_constraint AS constraint_
JOIN pg_stat_user_tables AS statistics ON statistics.relid = constraint_.conrelid
WHERE constraint_.contype = 'f'
  AND statistics.n_live_tup >= :rows
  AND NOT EXISTS (
    SELECT FROM pg_index AS index
    WHERE index.indrelid = constraint_.conrelid
      AND index.indisvalid
      AND index.indpred IS NULL
      -- The key's columns, in any order, are the first of the index; int2vector counts from 0.
      AND (index.indkey::int2[])[0:(cardinality(constraint_.conkey) - 1)] @> constraint_.conkey
  )
UNION ALL
SELECT
  'full reads',
  relid::regclass,
  NULL,
  round(seq_tup_read::numeric / seq_scan) || ' rows each time',
  n_live_tup,
  seq_scan,
  coalesce(idx_scan, 0)
FROM pg_stat_user_tables
WHERE n_live_tup >= :rows
  AND seq_scan >= :scans
  AND seq_scan > coalesce(idx_scan, 0)
ORDER BY rows DESC, "table", reason;
`,
  'invalid-indexes': `-- description: Indexes that an interrupted CREATE INDEX CONCURRENTLY left behind; they cost writes and serve no read
-- read-only: true
SELECT
  indexrelid::regclass AS "index",
  indrelid::regclass AS "table",
  pg_size_pretty(pg_relation_size(indexrelid)) AS size
FROM pg_index
WHERE NOT indisvalid
ORDER BY pg_relation_size(indexrelid) DESC, 1;
`,
  'cache-hit-rate': `-- description: How much of what was read came from the server's memory: the database, and its tables
-- read-only: true
-- parameter: limit integer = 20  How many tables at most
WITH reads AS (
  SELECT 0 AS place, 'all of ' || datname AS name, blks_hit AS hits, blks_read AS misses
  FROM pg_stat_database
  WHERE datname = current_database()
  UNION ALL
  (SELECT
    1,
    relid::regclass::text,
    heap_blks_hit + coalesce(idx_blks_hit, 0) + coalesce(toast_blks_hit, 0),
    heap_blks_read + coalesce(idx_blks_read, 0) + coalesce(toast_blks_read, 0)
  FROM pg_statio_user_tables
  ORDER BY 4 DESC, 2
  LIMIT :limit)
)
SELECT
  name,
  round(100.0 * hits / nullif(hits + misses, 0), 1) AS hit_percent,
  hits,
  misses,
  CASE WHEN place = 0 THEN current_setting('shared_buffers') END AS shared_buffers
FROM reads
WHERE hits + misses > 0 OR place = 0
ORDER BY place, misses DESC, name;
`,
  sequences: `-- description: Sequences by how much of what they can give is used up; the type of the column that takes it counts
-- read-only: true
-- parameter: percent numeric = 0  How much is used at least
WITH sequences AS (
  SELECT
    class.oid,
    sequence.seqmax,
    sequence.seqmin,
    sequence.seqincrement,
    sequence.seqcycle,
    -- Not the view pg_sequences: it has no oid.
    pg_sequence_last_value(class.oid) AS last,
    attribute.attrelid,
    attribute.attname,
    CASE attribute.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 END AS column_max
  FROM pg_class AS class
  JOIN pg_sequence AS sequence ON sequence.seqrelid = class.oid
  LEFT JOIN pg_depend AS depend ON depend.classid = 'pg_class'::regclass
    AND depend.objid = class.oid
    AND depend.refclassid = 'pg_class'::regclass
    AND depend.deptype IN ('a', 'i')
  LEFT JOIN pg_attribute AS attribute ON attribute.attrelid = depend.refobjid AND attribute.attnum = depend.refobjsubid
), used AS (
  SELECT
    *,
    CASE WHEN seqincrement > 0 THEN least(seqmax, coalesce(column_max, seqmax)) ELSE seqmin END AS limit_,
    CASE WHEN seqincrement > 0 THEN seqmin ELSE seqmax END AS first
  FROM sequences
)
SELECT
  oid::regclass AS sequence,
  attrelid::regclass || '.' || attname AS "column",
  last,
  limit_ AS "limit",
  round(100.0 * abs(coalesce(last, first)::numeric - first) / nullif(abs(limit_::numeric - first), 0), 2) AS used_percent,
  trunc((limit_::numeric - coalesce(last, first)) / seqincrement) AS left_over,
  CASE WHEN seqcycle THEN 'begins again' WHEN column_max < seqmax THEN 'the column ends before the sequence' END AS note
FROM used
WHERE coalesce(100.0 * abs(coalesce(last, first)::numeric - first) / nullif(abs(limit_::numeric - first), 0), 0) >= :percent
ORDER BY used_percent DESC NULLS LAST, sequence;
`,
}
