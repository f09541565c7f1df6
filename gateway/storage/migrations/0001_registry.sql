-- Who writes and who is heard: writers with their running books, sites, points, devices, series.

-- One row per writing process name: head of its hash chain and running totals. Locked for the length of a batch.
CREATE TABLE writer (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text        NOT NULL UNIQUE,
    seq             bigint      NOT NULL DEFAULT 0,
    hash            bytea       NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    received        bigint      NOT NULL DEFAULT 0,
    stored          bigint      NOT NULL DEFAULT 0,
    duplicate       bigint      NOT NULL DEFAULT 0,
    revision        bigint      NOT NULL DEFAULT 0,
    dead_letter     bigint      NOT NULL DEFAULT 0,
    out_of_bounds   bigint      NOT NULL DEFAULT 0,
    spooled         bigint      NOT NULL DEFAULT 0,
    spool_reported_at timestamptz
) WITH (fillfactor = 50);

-- One row per committed batch. hash = SHA-256(previous_hash, SHA-256(frame 1), SHA-256(frame 2), …).
CREATE TABLE batch (
    writer_id       int         NOT NULL REFERENCES writer (id),
    seq             bigint      NOT NULL,
    previous_hash   bytea       NOT NULL CHECK (length(previous_hash) = 32),
    hash            bytea       NOT NULL CHECK (length(hash) = 32),
    frames          int         NOT NULL,
    received        int         NOT NULL,
    stored          int         NOT NULL,
    duplicate       int         NOT NULL,
    revision        int         NOT NULL,
    dead_letter     int         NOT NULL,
    out_of_bounds   int         NOT NULL,
    committed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (writer_id, seq),
    CONSTRAINT books_balance CHECK (received = stored + duplicate + revision + dead_letter AND out_of_bounds <= stored)
);

CREATE TABLE site (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external_id     text        NOT NULL UNIQUE,
    name            text        NOT NULL DEFAULT '',
    industry        text,
    longitude       float8,
    latitude        float8,
    accepted_until  timestamptz,
    settings        jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- An outlet, a meter, a vehicle. What a device in quarantine sends goes to a point of its own, marked so.
CREATE TABLE point (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         int         NOT NULL REFERENCES site (id),
    external_id     text        NOT NULL,
    name            text        NOT NULL DEFAULT '',
    medium          text,
    quarantined     boolean     NOT NULL DEFAULT false,
    settings        jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_id, external_id, quarantined)
);

CREATE TABLE device (
    id                  int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external_id         text        NOT NULL UNIQUE,
    protocol            text        NOT NULL DEFAULT '',
    name                text        NOT NULL DEFAULT '',
    status              text        NOT NULL DEFAULT 'accepted'
                        CHECK (status IN ('accepted', 'quarantined', 'pending', 'refused', 'revoked')),
    password_hash       text,
    answer              jsonb       NOT NULL DEFAULT '{}',
    minute_interval_s   int         CHECK (minute_interval_s > 0),
    allow_list          text[]      NOT NULL DEFAULT '{}',
    point_id            int         REFERENCES point (id),
    quarantine_point_id int         REFERENCES point (id),
    created_at          timestamptz NOT NULL DEFAULT now(),
    last_seen_at        timestamptz
) WITH (fillfactor = 70);

CREATE TABLE pending_device (
    external_id     text        PRIMARY KEY,
    protocol        text        NOT NULL,
    peer            text        NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    attempts        bigint      NOT NULL DEFAULT 1
);

-- One stream of values. `channel` is the device's own code; `quantity` and `unit` are the vocabulary's.
CREATE TABLE series (
    id              int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id        int         NOT NULL REFERENCES point (id),
    channel         text        NOT NULL,
    quantity        text        NOT NULL,
    statistic       text        NOT NULL,
    interval_s      int         NOT NULL,
    unit            text        NOT NULL,
    limit_value     float8,
    range_low       float8,
    range_high      float8,
    detection_limit float8,
    settings        jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (point_id, channel, statistic, interval_s)
);

-- Raised by every change of devices and points, so that writers in other processes drop what they remember of them.
CREATE TABLE registry_state (
    only_row        boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    version         bigint      NOT NULL DEFAULT 0
);
INSERT INTO registry_state DEFAULT VALUES;
