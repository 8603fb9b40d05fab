-- One row for each hit, until the worker rolls it up.
-- vital-ops: expand

-- migrate:up
CREATE TABLE hits (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  endpoint text NOT NULL CHECK (endpoint LIKE '/%' AND length(endpoint) <= 200),
  counted_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE hits IS 'Hits that are not rolled up yet: an inbox';

-- migrate:down
DROP TABLE hits;
