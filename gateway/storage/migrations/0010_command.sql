-- What the centre asks of devices. Written by `gateway command` and by the gateway itself, carried out by the process
-- that holds the device's connection, and kept: who asked what, when, and what came of it, is part of the evidence.
CREATE TABLE command (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device          text        NOT NULL,
    request         jsonb       NOT NULL,
    asked_by        text        NOT NULL,
    asked_at        timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    claimed_by      text,
    claimed_at      timestamptz,
    finished_at     timestamptz,
    result          jsonb
);
CREATE INDEX command_waiting ON command (device, id) WHERE claimed_at IS NULL;
