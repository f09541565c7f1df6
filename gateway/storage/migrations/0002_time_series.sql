-- What grows for ever. 0003 turns these into hypertables or partitioned tables, as the database allows.
-- Columns stand in the order that wastes no alignment padding; nobody relies on it. No foreign keys: they would cost
-- more than the write itself; the writer takes its ids from the tables referred to.

-- A NULL value: the device said that it has none. The primary key is the only index: each further one costs intake.
CREATE TABLE observation (
    time            timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    value           float8,
    series_id       int         NOT NULL,
    flag            "char"      NOT NULL,
    PRIMARY KEY (series_id, time)
);

-- WGS-84. The three altitudes are different things; a missing one is not filled from another. platform_id: point (id).
CREATE TABLE track (
    time                    timestamptz NOT NULL,
    received_at             timestamptz NOT NULL,
    latitude                float8      NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude               float8      NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    altitude_ellipsoid_m    float8,
    altitude_msl_m          float8,
    altitude_takeoff_m      float8,
    speed_m_s               float8,
    heading_deg             float8,
    platform_id             int         NOT NULL,
    detail                  jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (platform_id, time)
);

-- Every frame as it came. (writer_id, seq, position) is its place in the hash chain.
CREATE TABLE raw_frame (
    received_at     timestamptz NOT NULL,
    seq             bigint      NOT NULL,
    writer_id       int         NOT NULL,
    position        int         NOT NULL,
    source          text        NOT NULL,
    driver          text        NOT NULL,
    peer            text        NOT NULL,
    device          text        NOT NULL,
    disposition     text        NOT NULL,
    deviations      text[]      NOT NULL,
    sha256          bytea       NOT NULL,
    bytes           bytea       NOT NULL,
    PRIMARY KEY (writer_id, seq, position, received_at)
);
-- A frame is long; its bytes hardly compress one by one, and the attempt costs more than the write.
ALTER TABLE raw_frame ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Reports of devices about themselves. `digest` covers kind, channel, text and detail: several reports of one moment
-- are all kept, a repeated one is not. `time` is that of arrival where the device gave none.
CREATE TABLE device_event (
    time            timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    digest          uuid        NOT NULL,
    device_id       int         NOT NULL,
    kind            text        NOT NULL,
    channel         text        NOT NULL,
    text            text        NOT NULL,
    detail          jsonb       NOT NULL,
    quarantined     boolean     NOT NULL,
    PRIMARY KEY (device_id, time, digest)
);
