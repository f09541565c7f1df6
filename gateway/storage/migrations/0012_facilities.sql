-- Production and treatment facilities under power-use supervision: what is supervised by which thresholds, who signed
-- them, what excuses a stop, and what contradictions were found.

-- Power comes from a meter's device, which need not have been heard of yet. Only signed thresholds are used.
CREATE TABLE facility (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         int         NOT NULL REFERENCES site (id),
    name            text        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('production', 'treatment')),
    device          text        NOT NULL,
    quantity        text        NOT NULL DEFAULT 'power',
    channel         text        NOT NULL DEFAULT '',
    standby_group   text        NOT NULL DEFAULT '',
    off_kw          float8,
    run_kw          float8,
    learned         jsonb,
    learned_at      timestamptz,
    signed_off_by   text        CHECK (signed_off_by <> ''),
    signed_off_at   timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_id, name),
    CHECK (0 <= off_kw AND off_kw <= run_kw),
    CHECK ((off_kw IS NULL) = (run_kw IS NULL)),
    CHECK ((signed_off_by IS NULL) = (signed_off_at IS NULL)),
    CHECK (signed_off_by IS NULL OR run_kw IS NOT NULL)
);

-- Which thresholds were in force when, and on whose word: a row for each signature. Never changed.
CREATE TABLE facility_signature (
    facility_id     int         NOT NULL REFERENCES facility (id),
    signed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    signed_by       text        NOT NULL CHECK (signed_by <> ''),
    off_kw          float8      NOT NULL,
    run_kw          float8      NOT NULL,
    PRIMARY KEY (facility_id, signed_at)
);

-- Any of the production facilities running asks for the treatment: one of it (any) or all of it.
CREATE TABLE facility_link (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         int         NOT NULL REFERENCES site (id),
    name            text        NOT NULL,
    mode            text        NOT NULL CHECK (mode IN ('any', 'all')),
    lead_s          float8      CHECK (lead_s >= 0),
    lag_s           float8      CHECK (lag_s >= 0),
    least_ratio     float8      CHECK (least_ratio > 0),
    UNIQUE (site_id, name)
);
CREATE TABLE facility_link_member (
    link_id         int         NOT NULL REFERENCES facility_link (id) ON DELETE CASCADE,
    facility_id     int         NOT NULL REFERENCES facility (id),
    PRIMARY KEY (link_id, facility_id)
);

-- The calendar: reported maintenance excuses, orders of the authority forbid. Without a facility: the whole site.
CREATE TABLE facility_notice (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         int         NOT NULL REFERENCES site (id),
    facility_id     int         REFERENCES facility (id),
    kind            text        NOT NULL CHECK (kind IN ('maintenance', 'bypass', 'stop_order', 'limit_order')),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    allowed_share   float8      CHECK (allowed_share > 0 AND allowed_share < 1),
    baseline_kw     float8      CHECK (baseline_kw > 0),
    note            text        NOT NULL DEFAULT '',
    recorded_by     text        NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'limit_order') = (allowed_share IS NOT NULL AND baseline_kw IS NOT NULL))
);
CREATE INDEX ON facility_notice (site_id, ends_at);

-- A contradiction, once for each beginning. `notice` is what is told of it, frozen when it was found, so that telling it
-- again after a crash is a duplicate and no second event; end, severity and figures go on with the data.
CREATE TABLE facility_event (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         int         NOT NULL REFERENCES site (id),
    link_id         int         REFERENCES facility_link (id) ON DELETE SET NULL,
    facility_id     int         REFERENCES facility (id),
    rule            text        NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    detected_at     timestamptz NOT NULL,
    severity        int         NOT NULL,
    figures         jsonb       NOT NULL,
    notice          jsonb       NOT NULL,
    found_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_at      timestamptz,
    told_at         timestamptz,
    UNIQUE NULLS NOT DISTINCT (link_id, facility_id, rule, starts_at)
);
CREATE INDEX facility_event_untold ON facility_event (id) WHERE told_at IS NULL;
CREATE INDEX ON facility_event (site_id, starts_at);

-- How far a site has been looked through, and when somebody last did.
CREATE TABLE facility_watch (
    site_id         int         PRIMARY KEY REFERENCES site (id),
    until           timestamptz NOT NULL,
    looked_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
