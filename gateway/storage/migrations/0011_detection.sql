-- What people have put on record about a site: the `events.csv` of the dataset format. A device's word about itself is in
-- device_event and excuses nothing.
CREATE TABLE site_event (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         int         NOT NULL REFERENCES site (id),
    point_id        int         REFERENCES point (id),
    kind            text        NOT NULL CHECK (kind IN ('maintenance', 'calibration', 'inspection', 'door',
                                'power_outage', 'network_outage', 'shutdown', 'startup')),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz CHECK (ends_at >= starts_at),
    note            text        NOT NULL DEFAULT '',
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (site_id, point_id, kind, starts_at, ends_at, note)
);

-- One row for each time that the analysis ran on schedule; `finished_at` stays empty if it was cut off.
CREATE TABLE detection_run (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    runner          text        NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    since           timestamptz NOT NULL,
    until           timestamptz NOT NULL,
    points_read     bigint,
    findings        int,
    new_alerts      int,
    versions        jsonb,
    error           text
);
CREATE INDEX ON detection_run (started_at);

-- The last run that found it again. A finding is never deleted, also when later data no longer bear it out.
ALTER TABLE finding ADD COLUMN confirmed_at timestamptz NOT NULL DEFAULT now();
