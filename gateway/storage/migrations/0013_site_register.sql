-- What people have said about sites, kept as evidence: the documents as they were given, and what each of them changed.
-- The values in force stand in site, point, series and facility.
CREATE TABLE site_document (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    imported_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    imported_by     text        NOT NULL CHECK (imported_by <> ''),
    name            text        NOT NULL,
    note            text        NOT NULL DEFAULT '',
    sha256          bytea       NOT NULL CHECK (length(sha256) = 32),
    document        bytea       NOT NULL
);

-- `place`: '' for the site itself, else 'point', 'point/channel', or 'facility name'.
CREATE TABLE site_change (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id     bigint      NOT NULL REFERENCES site_document (id),
    site_id         int         NOT NULL REFERENCES site (id),
    kind            text        NOT NULL CHECK (kind IN ('site', 'point', 'channel', 'facility')),
    place           text        NOT NULL,
    key             text        NOT NULL,
    old_value       jsonb       NOT NULL,
    new_value       jsonb       NOT NULL
);
CREATE INDEX ON site_change (site_id, id);

CREATE TRIGGER site_document_append_only BEFORE UPDATE OR DELETE ON site_document
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER site_document_no_truncate BEFORE TRUNCATE ON site_document
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER site_change_append_only BEFORE UPDATE OR DELETE ON site_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER site_change_no_truncate BEFORE TRUNCATE ON site_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The outlets (points of its site) whose gas or water a facility treats.
ALTER TABLE facility ADD COLUMN serves text[] NOT NULL DEFAULT '{}';
