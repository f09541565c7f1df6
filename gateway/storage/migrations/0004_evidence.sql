-- What is kept beside the hypertables because it is evidence, or because it fits nowhere else.

-- A second, different value for a (series, time) that is already there. The first row stays; both arrivals are known.
CREATE TABLE observation_revision (
    id                  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id           int         NOT NULL,
    time                timestamptz NOT NULL,
    value               float8,
    flag                "char"      NOT NULL,
    received_at         timestamptz NOT NULL,
    first_value         float8,
    first_flag          "char"      NOT NULL,
    first_received_at   timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (series_id, time, value, flag)
);

-- The same for positions; `track` holds the first.
CREATE TABLE track_revision (
    platform_id             int         NOT NULL,
    time                    timestamptz NOT NULL,
    digest                  uuid        NOT NULL,
    latitude                float8      NOT NULL,
    longitude               float8      NOT NULL,
    altitude_ellipsoid_m    float8,
    altitude_msl_m          float8,
    altitude_takeoff_m      float8,
    speed_m_s               float8,
    heading_deg             float8,
    detail                  jsonb       NOT NULL,
    received_at             timestamptz NOT NULL,
    PRIMARY KEY (platform_id, time, digest)
);

-- Values whose device time is out of bounds. The claimed time is kept as it came: microseconds since 1970 UTC.
CREATE TABLE observation_out_of_bounds (
    series_id       int         NOT NULL,
    time_us         bigint      NOT NULL,
    value           float8,
    flag            "char"      NOT NULL,
    received_at     timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (series_id, time_us, value, flag)
);

-- Positions whose device time is out of bounds, in the form they had.
CREATE TABLE track_out_of_bounds (
    platform_id     int         NOT NULL,
    time_us         bigint      NOT NULL,
    digest          uuid        NOT NULL,
    position        jsonb       NOT NULL,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (platform_id, time_us, digest)
);

-- Reports whose device time is out of bounds, in the form they had.
CREATE TABLE device_event_out_of_bounds (
    device_id       int         NOT NULL,
    time_us         bigint      NOT NULL,
    digest          uuid        NOT NULL,
    event           jsonb       NOT NULL,
    received_at     timestamptz NOT NULL,
    quarantined     boolean     NOT NULL,
    PRIMARY KEY (device_id, time_us, digest)
);

-- Settings that devices report: a row for each change, `last_seen_at` for each report that changed nothing.
-- `time` is the claimed one if it is in bounds, else that of arrival.
CREATE TABLE parameter_ledger (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       int         NOT NULL REFERENCES device (id),
    channel         text        NOT NULL,
    name            text        NOT NULL,
    value           text        NOT NULL,
    changed_from    text,
    time            timestamptz NOT NULL,
    claimed_time_us bigint,
    received_at     timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    quarantined     boolean     NOT NULL
);
CREATE INDEX ON parameter_ledger (device_id, channel, name, time);
-- A value may be longer than an index entry; MD5 serves as a short key here, not as a proof.
CREATE UNIQUE INDEX parameter_ledger_once
    ON parameter_ledger (device_id, channel, name, quarantined, coalesce(claimed_time_us, -1), md5(value), time);

CREATE TABLE dead_letter (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    writer_id       int         NOT NULL REFERENCES writer (id),
    seq             bigint      NOT NULL,
    position        int         NOT NULL,
    received_at     timestamptz NOT NULL,
    source          text        NOT NULL,
    driver          text        NOT NULL,
    peer            text        NOT NULL,
    device          text        NOT NULL,
    reason          text        NOT NULL,
    detail          text        NOT NULL,
    records         int         NOT NULL CHECK (records >= 0),
    bytes           bytea       NOT NULL,
    replayed_at     timestamptz,
    UNIQUE (writer_id, seq, position)
);
CREATE INDEX dead_letter_waiting ON dead_letter (id) WHERE replayed_at IS NULL;
