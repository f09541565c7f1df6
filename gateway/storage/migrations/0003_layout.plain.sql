-- Plain PostgreSQL: range partitions by month (made ahead by the maintenance) and a DEFAULT one, so that no row is
-- ever refused for want of a partition.
ALTER TABLE observation RENAME TO observation_shape;
CREATE TABLE observation (LIKE observation_shape INCLUDING ALL) PARTITION BY RANGE (time);
CREATE TABLE observation_default PARTITION OF observation DEFAULT;
DROP TABLE observation_shape;

ALTER TABLE track RENAME TO track_shape;
CREATE TABLE track (LIKE track_shape INCLUDING ALL) PARTITION BY RANGE (time);
CREATE TABLE track_default PARTITION OF track DEFAULT;
DROP TABLE track_shape;

ALTER TABLE raw_frame RENAME TO raw_frame_shape;
CREATE TABLE raw_frame (LIKE raw_frame_shape INCLUDING ALL) PARTITION BY RANGE (received_at);
CREATE TABLE raw_frame_default PARTITION OF raw_frame DEFAULT;
DROP TABLE raw_frame_shape;

ALTER TABLE device_event RENAME TO device_event_shape;
CREATE TABLE device_event (LIKE device_event_shape INCLUDING ALL) PARTITION BY RANGE (time);
CREATE TABLE device_event_default PARTITION OF device_event DEFAULT;
DROP TABLE device_event_shape;

-- Makes the partition of a month, moving into it what is in the DEFAULT partition already. Answers whether it was new.
CREATE FUNCTION make_partition(parent text, key_column text, month timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    starts  timestamptz := date_trunc('month', month, 'UTC');
    ends    timestamptz := date_trunc('month', starts + interval '40 days', 'UTC');
    name    text := parent || to_char(starts AT TIME ZONE 'UTC', '"_y"YYYY"m"MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Writers wait for these few milliseconds: a row that slipped into DEFAULT meanwhile would forbid the attachment.
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', parent);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
        parent || '_default', key_column, starts, key_column, ends, name);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, starts, ends);
    RETURN true;
END $$;

-- Drops the partitions that end before a time, and such rows of the DEFAULT one. Answers what was dropped.
CREATE FUNCTION drop_partitions(parent text, key_column text, older_than timestamptz) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    child   text;
    starts  timestamptz;
    dropped bigint;
BEGIN
    FOR child IN
        SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = parent::regclass ORDER BY 1
    LOOP
        IF child ~ '_y\d{4}m\d{2}$' THEN
            starts := to_timestamp(right(child, 7), 'YYYY"m"MM') AT TIME ZONE current_setting('timezone')
                      AT TIME ZONE 'UTC';
            IF date_trunc('month', starts + interval '40 days', 'UTC') <= older_than THEN
                EXECUTE format('DROP TABLE %s', child);
                RETURN NEXT child;
            END IF;
        END IF;
    END LOOP;
    EXECUTE format('DELETE FROM %I WHERE %I < %L', parent || '_default', key_column, older_than);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    IF dropped > 0 THEN
        RETURN NEXT format('%s rows of %s_default', dropped, parent);
    END IF;
END $$;
