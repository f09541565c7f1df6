-- Contradictions of facilities are findings too, so that there is one list of alerts and one way out for them.
ALTER TABLE facility_event ADD COLUMN finding_id text REFERENCES finding (id);
CREATE INDEX ON facility_event (finding_id);

-- A finding that tells of a deed of which another finding's alert has told already: it opens none of its own.
CREATE TABLE alert_joined (
    finding_id      text        PRIMARY KEY REFERENCES finding (id),
    alert_id        bigint      NOT NULL REFERENCES alert (id),
    joined_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON alert_joined (alert_id);

-- The meter of a whole plant, beside which its other meters are summed up.
ALTER TABLE facility DROP CONSTRAINT facility_kind_check;
ALTER TABLE facility ADD CONSTRAINT facility_kind_check CHECK (kind IN ('production', 'treatment', 'plant'));
