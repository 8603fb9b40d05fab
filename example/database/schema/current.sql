-- The schema that the migrations make: written by task migrate from what pg_dump says, and only when that changes.
-- It is there to be read and compared; nothing is made from it.

CREATE TABLE public.daily_endpoint_counts (
    endpoint text NOT NULL,
    day date NOT NULL,
    hits bigint NOT NULL,
    rolled_up_at timestamp with time zone DEFAULT now() NOT NULL,
    bot_hits bigint DEFAULT 0 NOT NULL,
    CONSTRAINT daily_endpoint_counts_hits_check CHECK ((hits >= 0))
);

COMMENT ON TABLE public.daily_endpoint_counts IS 'Hits per endpoint and day (UTC), without those still in the table hits';

COMMENT ON COLUMN public.daily_endpoint_counts.bot_hits IS 'The part of hits that bots made';

CREATE TABLE public.hits (
    id bigint NOT NULL,
    endpoint text NOT NULL,
    counted_at timestamp with time zone DEFAULT now() NOT NULL,
    user_agent_class text,
    CONSTRAINT hits_endpoint_check CHECK (((endpoint ~~ '/%'::text) AND (length(endpoint) <= 200)))
);

COMMENT ON TABLE public.hits IS 'Hits that are not rolled up yet: an inbox';

COMMENT ON COLUMN public.hits.user_agent_class IS 'browser, bot, tool or unknown; null when counted by a release that did not tell';

ALTER TABLE public.hits ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.hits_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.daily_endpoint_counts
    ADD CONSTRAINT daily_endpoint_counts_pkey PRIMARY KEY (endpoint, day);

ALTER TABLE ONLY public.hits
    ADD CONSTRAINT hits_pkey PRIMARY KEY (id);

CREATE INDEX daily_endpoint_counts_day_idx ON public.daily_endpoint_counts USING btree (day);

CREATE INDEX hits_endpoint_counted_at_idx ON public.hits USING btree (endpoint, counted_at);
