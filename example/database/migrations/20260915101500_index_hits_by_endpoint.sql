-- Statistics of one endpoint read its hits alone. Built without blocking writers, hence outside a transaction; an invalid
-- index that an interrupted build left behind is dropped first, so the file can be run again.
-- vital-ops: expand

-- migrate:up transaction:false
DROP INDEX CONCURRENTLY IF EXISTS hits_endpoint_counted_at_idx;
CREATE INDEX CONCURRENTLY hits_endpoint_counted_at_idx ON hits (endpoint, counted_at);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY IF EXISTS hits_endpoint_counted_at_idx;
