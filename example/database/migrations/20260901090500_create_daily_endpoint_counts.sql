-- Hits per endpoint and day (UTC), which the worker adds to.
-- vital-ops: expand

-- migrate:up
CREATE TABLE daily_endpoint_counts (
  endpoint text NOT NULL,
  day date NOT NULL,
  hits bigint NOT NULL CHECK (hits >= 0),
  rolled_up_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (endpoint, day)
);

CREATE INDEX daily_endpoint_counts_day_idx ON daily_endpoint_counts (day);

COMMENT ON TABLE daily_endpoint_counts IS 'Hits per endpoint and day (UTC), without those still in the table hits';

-- migrate:down
DROP TABLE daily_endpoint_counts;
