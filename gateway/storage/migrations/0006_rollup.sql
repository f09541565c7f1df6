-- Hourly and daily roll-ups by our own schedule (plain PostgreSQL and TimescaleDB's Apache edition).
-- Means, minima and maxima are over normal ('N') values only; `count` is all rows, `normal_count` those that count.

CREATE TABLE observation_hourly (
    time            timestamptz NOT NULL,
    series_id       int         NOT NULL,
    count           int         NOT NULL,
    normal_count    int         NOT NULL,
    mean            float8,
    minimum         float8,
    maximum         float8,
    PRIMARY KEY (series_id, time)
);

CREATE TABLE observation_daily (LIKE observation_hourly INCLUDING ALL);

-- Late data: hours that the schedule has passed already. The writer only appends, so writers never wait for each other.
CREATE TABLE rollup_dirty (
    hour            timestamptz NOT NULL,
    point_id        int         NOT NULL
);
CREATE INDEX ON rollup_dirty (hour);

CREATE TABLE rollup_state (
    only_row        boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    -- What is written from now on into hours before these is late, and marked by the writer.
    refreshed_until timestamptz NOT NULL DEFAULT date_trunc('hour', now()) - interval '3 hours'
);
INSERT INTO rollup_state DEFAULT VALUES;
