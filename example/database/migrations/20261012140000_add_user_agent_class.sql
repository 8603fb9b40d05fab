-- What kind of program made a hit. Code that does not know the columns goes on: one is nullable, the other has a default.
-- vital-ops: expand

-- migrate:up
ALTER TABLE hits ADD COLUMN user_agent_class text;
ALTER TABLE daily_endpoint_counts ADD COLUMN bot_hits bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN hits.user_agent_class IS 'browser, bot, tool or unknown; null when counted by a release that did not tell';
COMMENT ON COLUMN daily_endpoint_counts.bot_hits IS 'The part of hits that bots made';

-- migrate:down
ALTER TABLE daily_endpoint_counts DROP COLUMN bot_hits;
ALTER TABLE hits DROP COLUMN user_agent_class;
