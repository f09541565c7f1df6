-- What the detection found, who was told, who did what about it. Columns follow the dataset format's findings.jsonl.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TABLE finding (
    id                  text        PRIMARY KEY,
    site                text        NOT NULL,
    point               text        NOT NULL,
    channels            text[]      NOT NULL,
    starts_at           timestamptz NOT NULL,
    ends_at             timestamptz NOT NULL,
    detected_at         timestamptz NOT NULL,
    detector            text        NOT NULL,
    detector_version    text        NOT NULL,
    class               text        NOT NULL,
    alternatives        text[]      NOT NULL DEFAULT '{}',
    score               float8      NOT NULL CHECK (score BETWEEN 0 AND 1),
    p_value             float8      CHECK (p_value BETWEEN 0 AND 1),
    statistic           float8,
    threshold           float8,
    alert               boolean     NOT NULL,
    evidence            jsonb       NOT NULL DEFAULT '{}',
    explanation         jsonb       NOT NULL,
    innocent_if         jsonb       NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    CHECK (starts_at <= ends_at)
);
CREATE INDEX ON finding (site, starts_at);
CREATE INDEX ON finding (detected_at);

CREATE TABLE alert (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding_id      text        NOT NULL UNIQUE REFERENCES finding (id),
    state           text        NOT NULL DEFAULT 'open'
                    CHECK (state IN ('open', 'acknowledged', 'inspecting', 'confirmed', 'dismissed', 'closed')),
    opened_at       timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    assignee        text
);
CREATE INDEX ON alert (state, opened_at);

CREATE TABLE alert_action (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id        bigint      NOT NULL REFERENCES alert (id),
    at              timestamptz NOT NULL DEFAULT now(),
    actor           text        NOT NULL,
    action          text        NOT NULL,
    note            text        NOT NULL DEFAULT '',
    detail          jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX ON alert_action (alert_id, id);

CREATE TABLE inspection (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site            text        NOT NULL,
    period          text        NOT NULL,
    rank            int         NOT NULL,
    score           float8      NOT NULL,
    findings        int         NOT NULL,
    top_class       text,
    top_finding     text        REFERENCES finding (id),
    planned_for     date,
    inspected_at    timestamptz,
    inspector       text,
    outcome         text,
    note            text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site, period)
);

-- Alerts on their way out: a row per feed and message, kept until delivered; the receiver tells repeats by `message_id`.
CREATE TABLE alert_outbox (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id      uuid        NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    alert_id        bigint      NOT NULL REFERENCES alert (id),
    feed            text        NOT NULL,
    payload         jsonb       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    attempts        int         NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    last_error      text
);
CREATE INDEX alert_outbox_waiting ON alert_outbox (next_attempt_at) WHERE delivered_at IS NULL;

CREATE TRIGGER alert_action_append_only BEFORE UPDATE OR DELETE ON alert_action
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alert_action_no_truncate BEFORE TRUNCATE ON alert_action
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_append_only BEFORE UPDATE OR DELETE ON batch
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_no_truncate BEFORE TRUNCATE ON batch
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
