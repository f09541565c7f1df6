-- Named queries of the store. Parameters are psycopg's, by name. Arrays run in parallel and come in by unnest.

-- name: probe_timescaledb
-- The library is preloaded if its settings exist; the licence can be read only once the extension is there.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') AS available,
       EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.disable_load') AS preloaded,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
       current_setting('timescaledb.license', true) AS licence

-- name: create_timescaledb
CREATE EXTENSION IF NOT EXISTS timescaledb

-- name: set_limits
SELECT set_config('statement_timeout', %(statement_ms)s, false),
       set_config('lock_timeout', %(lock_ms)s, false),
       set_config('idle_in_transaction_session_timeout', %(idle_ms)s, false),
       set_config('synchronous_commit', 'on', false),
       set_config('timezone', 'UTC', false)

-- name: create_staging
-- One per connection, emptied by each commit: no catalogue churn.
CREATE TEMPORARY TABLE IF NOT EXISTS staging (
    time timestamptz NOT NULL, received_at timestamptz NOT NULL, value float8, series_id int NOT NULL,
    flag "char" NOT NULL
) ON COMMIT DELETE ROWS

-- name: empty_staging
TRUNCATE staging

-- name: migration_lock
SELECT pg_advisory_lock(7241001, 1)

-- name: migration_unlock
SELECT pg_advisory_unlock(7241001, 1)

-- name: create_migration_tables
CREATE TABLE IF NOT EXISTS schema_migration (
    number      int         PRIMARY KEY,
    name        text        NOT NULL,
    sha256      text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_state (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    tier            text    NOT NULL,
    views_sha256    text    NOT NULL DEFAULT ''
)

-- name: has_migration_tables
SELECT to_regclass('schema_state') IS NOT NULL AND to_regclass('schema_migration') IS NOT NULL

-- name: schema_state
SELECT tier, views_sha256 FROM schema_state

-- name: settle_tier
INSERT INTO schema_state (tier) VALUES (%(tier)s)

-- name: migrations_applied
SELECT number, name, sha256 FROM schema_migration ORDER BY number

-- name: note_migration
INSERT INTO schema_migration (number, name, sha256) VALUES (%(number)s, %(name)s, %(sha256)s)

-- name: note_views
UPDATE schema_state SET views_sha256 = %(sha256)s

-- name: set_chunk_interval
-- Changes new chunks only.
SELECT set_chunk_time_interval(%(table)s::regclass, make_interval(secs => %(interval_s)s))

-- name: make_writer
INSERT INTO writer (name) VALUES (%(writer)s) ON CONFLICT DO NOTHING

-- name: lock_head
-- The row lock makes batches of one writer name follow each other, and waits for one whose COMMIT is still under way.
SELECT writer.id, writer.seq, writer.hash, registry_state.version, now() AS now
FROM writer CROSS JOIN registry_state WHERE writer.name = %(writer)s FOR UPDATE OF writer

-- name: registry_version
SELECT version FROM registry_state

-- name: batch
SELECT previous_hash, hash, received, stored, duplicate, revision, dead_letter, out_of_bounds
FROM batch WHERE writer_id = %(writer_id)s AND seq = %(seq)s

-- name: close_batch
WITH head AS (
    UPDATE writer SET seq = %(seq)s, hash = %(hash)s, received = received + %(received)s, stored = stored + %(stored)s,
           duplicate = duplicate + %(duplicate)s, revision = revision + %(revision)s,
           dead_letter = dead_letter + %(dead_letter)s, out_of_bounds = out_of_bounds + %(out_of_bounds)s
    WHERE id = %(writer_id)s
)
INSERT INTO batch (writer_id, seq, previous_hash, hash, frames, received, stored, duplicate, revision, dead_letter,
                   out_of_bounds)
VALUES (%(writer_id)s, %(seq)s, %(previous_hash)s, %(hash)s, %(frames)s, %(received)s, %(stored)s, %(duplicate)s,
        %(revision)s, %(dead_letter)s, %(out_of_bounds)s)

-- name: copy_observations
COPY observation (time, received_at, value, series_id, flag) FROM STDIN (FORMAT BINARY)

-- name: copy_staging
COPY staging (time, received_at, value, series_id, flag) FROM STDIN (FORMAT BINARY)

-- name: copy_raw_frames
COPY raw_frame (received_at, seq, writer_id, position, source, driver, peer, device, disposition, deviations, sha256,
                bytes) FROM STDIN (FORMAT BINARY)

-- name: settle_observations
INSERT INTO observation (time, received_at, value, series_id, flag)
SELECT time, received_at, value, series_id, flag FROM staging ORDER BY series_id, time
ON CONFLICT DO NOTHING

-- name: compare_staging
-- Every staged row must find its first row; those that differ from it become revisions, each different value once.
-- The bounds let the planner leave out chunks.
WITH compared AS (
    SELECT new.*, first.value AS first_value, first.flag AS first_flag, first.received_at AS first_received_at,
           (new.value, new.flag) IS DISTINCT FROM (first.value, first.flag) AS differs
    FROM staging new JOIN observation first USING (series_id, time)
    WHERE first.time BETWEEN %(earliest)s AND %(latest)s
), revised AS (
    INSERT INTO observation_revision (series_id, time, value, flag, received_at, first_value, first_flag,
                                      first_received_at)
    SELECT series_id, time, value, flag, received_at, first_value, first_flag, first_received_at
    FROM compared WHERE differs
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM compared) AS matched, (SELECT count(*) FROM revised) AS revised

-- name: insert_out_of_bounds
INSERT INTO observation_out_of_bounds (series_id, time_us, value, flag, received_at)
SELECT series_id, time_us, value, flag, received_at
FROM unnest(%(series_ids)s::int[], %(times_us)s::bigint[], %(values)s::float8[], %(flags)s::"char"[],
            %(received)s::timestamptz[]) AS new (series_id, time_us, value, flag, received_at)
ON CONFLICT DO NOTHING

-- name: insert_events
INSERT INTO device_event (time, received_at, digest, device_id, kind, channel, text, detail, quarantined)
SELECT * FROM unnest(%(times)s::timestamptz[], %(received)s::timestamptz[], %(digests)s::uuid[],
                     %(device_ids)s::int[], %(kinds)s::text[], %(channels)s::text[], %(texts)s::text[],
                     %(details)s::jsonb[], %(quarantined)s::boolean[])
ON CONFLICT DO NOTHING

-- name: insert_events_out_of_bounds
INSERT INTO device_event_out_of_bounds (device_id, time_us, digest, event, received_at, quarantined)
SELECT * FROM unnest(%(device_ids)s::int[], %(times_us)s::bigint[], %(digests)s::uuid[], %(events)s::jsonb[],
                     %(received)s::timestamptz[], %(quarantined)s::boolean[])
ON CONFLICT DO NOTHING

-- name: insert_positions
INSERT INTO track (platform_id, time, latitude, longitude, altitude_ellipsoid_m, altitude_msl_m, altitude_takeoff_m,
                   speed_m_s, heading_deg, detail, received_at)
SELECT platform_id, time, latitude, longitude, altitude_ellipsoid_m, altitude_msl_m, altitude_takeoff_m, speed_m_s,
       heading_deg, detail, received_at
FROM unnest(%(platform_ids)s::int[], %(times)s::timestamptz[], %(latitudes)s::float8[], %(longitudes)s::float8[],
            %(ellipsoid)s::float8[], %(msl)s::float8[], %(takeoff)s::float8[], %(speeds)s::float8[],
            %(headings)s::float8[], %(details)s::jsonb[], %(received)s::timestamptz[], %(digests)s::uuid[])
     AS new (platform_id, time, latitude, longitude, altitude_ellipsoid_m, altitude_msl_m, altitude_takeoff_m,
             speed_m_s, heading_deg, detail, received_at, digest)
ON CONFLICT DO NOTHING

-- name: revise_positions
WITH compared AS (
    SELECT new.*,
           (new.latitude, new.longitude, new.altitude_ellipsoid_m, new.altitude_msl_m, new.altitude_takeoff_m,
            new.speed_m_s, new.heading_deg, new.detail)
           IS DISTINCT FROM
           (first.latitude, first.longitude, first.altitude_ellipsoid_m, first.altitude_msl_m,
            first.altitude_takeoff_m, first.speed_m_s, first.heading_deg, first.detail) AS differs
    FROM unnest(%(platform_ids)s::int[], %(times)s::timestamptz[], %(latitudes)s::float8[], %(longitudes)s::float8[],
                %(ellipsoid)s::float8[], %(msl)s::float8[], %(takeoff)s::float8[], %(speeds)s::float8[],
                %(headings)s::float8[], %(details)s::jsonb[], %(received)s::timestamptz[], %(digests)s::uuid[])
         AS new (platform_id, time, latitude, longitude, altitude_ellipsoid_m, altitude_msl_m, altitude_takeoff_m,
                 speed_m_s, heading_deg, detail, received_at, digest)
    JOIN track first USING (platform_id, time)
), revised AS (
    INSERT INTO track_revision (platform_id, time, digest, latitude, longitude, altitude_ellipsoid_m, altitude_msl_m,
                                altitude_takeoff_m, speed_m_s, heading_deg, detail, received_at)
    SELECT platform_id, time, digest, latitude, longitude, altitude_ellipsoid_m, altitude_msl_m, altitude_takeoff_m,
           speed_m_s, heading_deg, detail, received_at
    FROM compared WHERE differs
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM compared) AS matched, (SELECT count(*) FROM revised) AS revised

-- name: insert_positions_out_of_bounds
INSERT INTO track_out_of_bounds (platform_id, time_us, digest, position, received_at)
SELECT * FROM unnest(%(platform_ids)s::int[], %(times_us)s::bigint[], %(digests)s::uuid[], %(positions)s::jsonb[],
                     %(received)s::timestamptz[])
ON CONFLICT DO NOTHING

-- name: insert_parameter
-- A row only if the value differs from the one in force at that time, and this very report is not there yet.
WITH in_force AS (
    SELECT value FROM parameter_ledger
    WHERE device_id = %(device_id)s AND channel = %(channel)s AND name = %(name)s AND quarantined = %(quarantined)s
      AND time <= %(time)s
    ORDER BY time DESC, id DESC LIMIT 1
)
INSERT INTO parameter_ledger (device_id, channel, name, value, changed_from, time, claimed_time_us, received_at,
                              last_seen_at, quarantined)
SELECT %(device_id)s, %(channel)s, %(name)s, %(value)s, (SELECT value FROM in_force), %(time)s, %(claimed_us)s,
       %(received)s, %(time)s, %(quarantined)s
WHERE (SELECT value FROM in_force) IS DISTINCT FROM %(value)s
  AND NOT EXISTS (
    SELECT FROM parameter_ledger
    WHERE device_id = %(device_id)s AND channel = %(channel)s AND name = %(name)s AND quarantined = %(quarantined)s
      AND value = %(value)s AND CASE WHEN %(claimed_us)s::bigint IS NULL THEN time = %(time)s
                                     ELSE claimed_time_us = %(claimed_us)s END)
ON CONFLICT DO NOTHING

-- name: touch_parameter
UPDATE parameter_ledger SET last_seen_at = greatest(last_seen_at, %(time)s)
WHERE id = (
    SELECT id FROM parameter_ledger
    WHERE device_id = %(device_id)s AND channel = %(channel)s AND name = %(name)s AND quarantined = %(quarantined)s
      AND time <= %(time)s
    ORDER BY time DESC, id DESC LIMIT 1)
  AND value = %(value)s AND last_seen_at < %(time)s

-- name: insert_dead_letters
INSERT INTO dead_letter (writer_id, seq, position, received_at, source, driver, peer, device, reason, detail, records,
                         bytes)
SELECT %(writer_id)s, %(seq)s, *
FROM unnest(%(positions)s::int[], %(received)s::timestamptz[], %(sources)s::text[], %(drivers)s::text[],
            %(peers)s::text[], %(devices)s::text[], %(reasons)s::text[], %(details)s::text[], %(records)s::int[],
            %(frames)s::bytea[])

-- name: insert_dirty
INSERT INTO rollup_dirty (hour, point_id) SELECT * FROM unnest(%(hours)s::timestamptz[], %(point_ids)s::int[])

-- name: find_devices
SELECT external_id, id, point_id, quarantine_point_id FROM device WHERE external_id = ANY(%(names)s::text[])

-- name: make_sites
INSERT INTO site (external_id) SELECT DISTINCT name FROM unnest(%(names)s::text[]) AS name ORDER BY name
ON CONFLICT DO NOTHING

-- name: make_points
-- An accepted device's own point is "1" of its own site; one in quarantine has the device's name.
INSERT INTO point (site_id, external_id, quarantined)
SELECT site.id, CASE WHEN %(quarantined)s THEN new.name ELSE '1' END, %(quarantined)s
FROM unnest(%(names)s::text[]) AS new (name) JOIN site ON site.external_id = new.name ORDER BY new.name
ON CONFLICT DO NOTHING

-- name: make_devices
INSERT INTO device (external_id, protocol, status, point_id)
SELECT new.name, new.protocol, 'accepted', point.id
FROM unnest(%(names)s::text[], %(protocols)s::text[]) AS new (name, protocol)
JOIN site ON site.external_id = new.name
JOIN point ON point.site_id = site.id AND point.external_id = '1' AND NOT point.quarantined
ORDER BY new.name
ON CONFLICT (external_id) DO UPDATE SET point_id = coalesce(device.point_id, EXCLUDED.point_id)

-- name: make_quarantined_devices
INSERT INTO device (external_id, protocol, status, quarantine_point_id)
SELECT new.name, new.protocol, 'quarantined', point.id
FROM unnest(%(names)s::text[], %(protocols)s::text[]) AS new (name, protocol)
JOIN site ON site.external_id = new.name
JOIN point ON point.site_id = site.id AND point.external_id = new.name AND point.quarantined
ORDER BY new.name
ON CONFLICT (external_id) DO UPDATE
SET quarantine_point_id = coalesce(device.quarantine_point_id, EXCLUDED.quarantine_point_id)

-- name: find_series
SELECT series.id, series.unit
FROM unnest(%(point_ids)s::int[], %(channels)s::text[], %(statistics)s::text[], %(intervals)s::int[])
     WITH ORDINALITY AS wanted (point_id, channel, statistic, interval_s, ordinal)
LEFT JOIN series USING (point_id, channel, statistic, interval_s)
ORDER BY ordinal

-- name: make_series
INSERT INTO series (point_id, channel, quantity, statistic, interval_s, unit)
SELECT DISTINCT ON (1, 2, 4, 5) *
FROM unnest(%(point_ids)s::int[], %(channels)s::text[], %(quantities)s::text[], %(statistics)s::text[],
            %(intervals)s::int[], %(units)s::text[])
ORDER BY 1, 2, 4, 5
ON CONFLICT DO NOTHING

-- name: devices
SELECT device.external_id, device.protocol, device.status, device.password_hash, device.answer,
       device.minute_interval_s, device.allow_list, coalesce(site.external_id, '') AS site,
       coalesce(point.external_id, '') AS point, device.name, device.last_seen_at
FROM device
LEFT JOIN point ON point.id = coalesce(device.point_id, device.quarantine_point_id)
LEFT JOIN site ON site.id = point.site_id
WHERE %(name)s::text IS NULL OR device.external_id = %(name)s
ORDER BY device.external_id

-- name: make_place
-- A site and a point of the registry; answers the point's id.
WITH placed AS (
    INSERT INTO site (external_id) VALUES (%(site)s)
    ON CONFLICT (external_id) DO UPDATE SET external_id = EXCLUDED.external_id RETURNING id
)
INSERT INTO point (site_id, external_id) SELECT id, %(point)s FROM placed
ON CONFLICT (site_id, external_id, quarantined) DO UPDATE SET external_id = EXCLUDED.external_id RETURNING id

-- name: put_device
INSERT INTO device (external_id, protocol, name, status, password_hash, answer, minute_interval_s, allow_list, point_id)
VALUES (%(external_id)s, %(protocol)s, %(name)s, %(status)s, %(password_hash)s, %(answer)s, %(minute_interval_s)s,
        %(allow_list)s, %(point_id)s)
ON CONFLICT (external_id) DO UPDATE
SET protocol = EXCLUDED.protocol, name = EXCLUDED.name, status = EXCLUDED.status,
    password_hash = EXCLUDED.password_hash, answer = EXCLUDED.answer, minute_interval_s = EXCLUDED.minute_interval_s,
    allow_list = EXCLUDED.allow_list, point_id = coalesce(EXCLUDED.point_id, device.point_id)

-- name: release_device
-- What was sent in quarantine becomes the device's own, unless it has a point already: then it stays apart, and the
-- raw frames can be decoded again.
WITH released AS (
    UPDATE device SET status = 'accepted', point_id = coalesce(point_id, quarantine_point_id),
           quarantine_point_id = CASE WHEN point_id IS NULL THEN NULL ELSE quarantine_point_id END
    WHERE external_id = %(name)s RETURNING id, point_id
), freed AS (
    UPDATE point SET quarantined = false FROM released WHERE point.id = released.point_id
), settings AS (
    UPDATE parameter_ledger SET quarantined = false FROM released WHERE device_id = released.id AND quarantined
), events AS (
    UPDATE device_event SET quarantined = false FROM released WHERE device_id = released.id AND quarantined
)
SELECT count(*) FROM released

-- name: registry_changed
UPDATE registry_state SET version = version + 1

-- name: forget_pending
DELETE FROM pending_device WHERE external_id = %(name)s

-- name: mark_pending
INSERT INTO pending_device (external_id, protocol, peer, first_seen_at, last_seen_at)
VALUES (%(external_id)s, %(protocol)s, %(peer)s, %(at)s, %(at)s)
ON CONFLICT (external_id) DO UPDATE
SET peer = EXCLUDED.peer, protocol = EXCLUDED.protocol, attempts = pending_device.attempts + 1,
    last_seen_at = greatest(pending_device.last_seen_at, EXCLUDED.last_seen_at)

-- name: pending_devices
SELECT external_id, protocol, peer, first_seen_at, last_seen_at, attempts FROM pending_device ORDER BY external_id

-- name: touch_devices
UPDATE device SET last_seen_at = seen.at
FROM unnest(%(names)s::text[], %(times)s::timestamptz[]) AS seen (name, at)
WHERE device.external_id = seen.name AND (device.last_seen_at IS NULL OR device.last_seen_at < seen.at)

-- name: last_times
-- One short index look-up a series.
SELECT series.interval_s, max(last.time) AS time
FROM device
JOIN series ON series.point_id = device.point_id
CROSS JOIN LATERAL (
    SELECT time FROM observation WHERE observation.series_id = series.id ORDER BY time DESC LIMIT 1
) AS last
WHERE device.external_id = %(name)s
GROUP BY series.interval_s

-- name: times_of_interval
SELECT DISTINCT observation.time
FROM device
JOIN series ON series.point_id = device.point_id AND series.interval_s = %(interval_s)s
JOIN observation ON observation.series_id = series.id
WHERE device.external_id = %(name)s AND observation.time >= %(since)s AND observation.time < %(until)s
ORDER BY 1

-- name: parameters
SELECT device.external_id AS device, ledger.channel, ledger.name, ledger.value, ledger.changed_from, ledger.time,
       ledger.received_at, ledger.last_seen_at
FROM parameter_ledger ledger JOIN device ON device.id = ledger.device_id
WHERE device.external_id = %(name)s AND NOT ledger.quarantined
ORDER BY ledger.time, ledger.id

-- name: dead_letters
SELECT id, received_at, source, driver, peer, device, reason, detail, records, bytes, replayed_at
FROM dead_letter
WHERE id > %(after_id)s
  AND (%(source)s::text IS NULL OR source = %(source)s)
  AND (%(device)s::text IS NULL OR device = %(device)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(replayed)s::boolean IS NULL OR (replayed_at IS NOT NULL) = %(replayed)s)
ORDER BY id LIMIT %(limit)s

-- name: dead_letters_by_id
SELECT id, received_at, source, driver, peer, device, reason, detail, records, bytes, replayed_at
FROM dead_letter WHERE id = ANY(%(ids)s::bigint[]) AND replayed_at IS NULL ORDER BY id

-- name: mark_replayed
UPDATE dead_letter SET replayed_at = now() WHERE id = ANY(%(ids)s::bigint[])

-- name: report_spool
UPDATE writer SET spooled = %(records)s, spool_reported_at = now() WHERE name = %(writer)s

-- name: books
SELECT name, received, stored, duplicate, revision, dead_letter, out_of_bounds, spooled FROM writer ORDER BY name

-- name: chain
SELECT batch.seq, batch.previous_hash, batch.hash, batch.frames
FROM batch JOIN writer ON writer.id = batch.writer_id
WHERE writer.name = %(writer)s AND batch.seq BETWEEN %(first)s AND %(last)s
ORDER BY batch.seq

-- name: chain_frames
SELECT raw_frame.seq, sha256(raw_frame.bytes) AS recomputed
FROM raw_frame JOIN writer ON writer.id = raw_frame.writer_id
WHERE writer.name = %(writer)s AND raw_frame.seq BETWEEN %(first)s AND %(last)s
ORDER BY raw_frame.seq, raw_frame.position

-- name: chain_head
SELECT seq, hash FROM writer WHERE name = %(writer)s

-- name: audit_rows
-- What is really in the tables, for comparison with the books while nothing has been dropped by retention.
SELECT (SELECT count(*) FROM observation) + (SELECT count(*) FROM observation_out_of_bounds)
       + (SELECT count(*) FROM track) + (SELECT count(*) FROM track_out_of_bounds)
       + (SELECT count(*) FROM device_event) + (SELECT count(*) FROM device_event_out_of_bounds) + (SELECT count(*) FROM parameter_ledger) AS stored,
       (SELECT count(*) FROM observation_revision) + (SELECT count(*) FROM track_revision) AS revision,
       (SELECT coalesce(sum(records), 0)::bigint FROM dead_letter) AS dead_letter

-- name: try_maintenance_lock
SELECT pg_try_advisory_lock(7241001, 2) AS mine

-- name: maintenance_unlock
SELECT pg_advisory_unlock(7241001, 2)

-- name: server_time
SELECT now() AS now

-- name: make_partitions
-- The month before, this one, and those ahead.
SELECT parent, month, make_partition(parent, key_column, month) AS made
FROM (VALUES ('observation', 'time'), ('track', 'time'), ('raw_frame', 'received_at'), ('device_event', 'time'))
     AS kept (parent, key_column),
     generate_series(%(now)s::timestamptz - interval '1 month', %(now)s::timestamptz + %(ahead)s * interval '1 month',
                     interval '1 month') AS month
ORDER BY parent, month

-- name: drop_partitions
SELECT drop_partitions(%(table)s, %(column)s, %(older_than)s) AS dropped

-- name: drop_chunks
SELECT drop_chunks(%(table)s::regclass, older_than => %(older_than)s::timestamptz)::text AS dropped

-- name: remove_retention_policy
SELECT remove_retention_policy(%(table)s::regclass, if_exists => true)

-- name: add_retention_policy
SELECT add_retention_policy(%(table)s::regclass, drop_after => make_interval(days => %(days)s), if_not_exists => true)

-- name: drop_rollup_hours
DELETE FROM observation_hourly WHERE time < %(older_than)s

-- name: rollup_state
SELECT refreshed_until FROM rollup_state FOR UPDATE

-- name: rollup_advance
UPDATE rollup_state SET refreshed_until = %(until)s

-- name: create_touched
CREATE TEMPORARY TABLE touched (series_id int NOT NULL, time timestamptz NOT NULL) ON COMMIT DROP

-- name: rollup_recent
-- Series by series along the primary key: there is no index on time alone, and a scan of the chunks would grow with them.
WITH refreshed AS (
    INSERT INTO observation_hourly (series_id, time, count, normal_count, mean, minimum, maximum)
    SELECT series.id, hour.*
    FROM series CROSS JOIN LATERAL (
        SELECT date_trunc('hour', time) AS time, count(*),
               count(value) FILTER (WHERE flag = 'N'), avg(value) FILTER (WHERE flag = 'N'),
               min(value) FILTER (WHERE flag = 'N'), max(value) FILTER (WHERE flag = 'N')
        FROM observation
        WHERE series_id = series.id AND time >= %(since)s AND time < %(until)s
        GROUP BY 1
    ) AS hour
    ON CONFLICT (series_id, time) DO UPDATE
    SET count = EXCLUDED.count, normal_count = EXCLUDED.normal_count, mean = EXCLUDED.mean,
        minimum = EXCLUDED.minimum, maximum = EXCLUDED.maximum
    WHERE observation_hourly.count <> EXCLUDED.count
    RETURNING series_id, time
)
INSERT INTO touched SELECT series_id, time FROM refreshed

-- name: take_dirty
DELETE FROM rollup_dirty WHERE ctid = ANY(ARRAY(SELECT ctid FROM rollup_dirty ORDER BY hour LIMIT %(limit)s))
RETURNING hour, point_id

-- name: rollup_dirty
WITH refreshed AS (
    INSERT INTO observation_hourly (series_id, time, count, normal_count, mean, minimum, maximum)
    SELECT series.id, late.hour, hour.*
    FROM (SELECT DISTINCT * FROM unnest(%(hours)s::timestamptz[], %(point_ids)s::int[])) AS late (hour, point_id)
    JOIN series ON series.point_id = late.point_id
    CROSS JOIN LATERAL (
        SELECT count(*),
               count(value) FILTER (WHERE flag = 'N'), avg(value) FILTER (WHERE flag = 'N'),
               min(value) FILTER (WHERE flag = 'N'), max(value) FILTER (WHERE flag = 'N')
        FROM observation
        WHERE series_id = series.id AND time >= late.hour AND time < late.hour + interval '1 hour'
        HAVING count(*) > 0
    ) AS hour
    ON CONFLICT (series_id, time) DO UPDATE
    SET count = EXCLUDED.count, normal_count = EXCLUDED.normal_count, mean = EXCLUDED.mean,
        minimum = EXCLUDED.minimum, maximum = EXCLUDED.maximum
    WHERE observation_hourly.count <> EXCLUDED.count
    RETURNING series_id, time
)
INSERT INTO touched SELECT series_id, time FROM refreshed

-- name: rollup_days
-- Days from their hours; a mean of means is weighted by the values behind them.
INSERT INTO observation_daily (series_id, time, count, normal_count, mean, minimum, maximum)
SELECT day.series_id, day.time, sum(hour.count), sum(hour.normal_count),
       sum(hour.mean * hour.normal_count) / nullif(sum(hour.normal_count), 0), min(hour.minimum), max(hour.maximum)
FROM (SELECT DISTINCT series_id, date_trunc('day', time, %(zone)s) AS time FROM touched) AS day
JOIN observation_hourly AS hour
  ON hour.series_id = day.series_id AND hour.time >= day.time
 AND hour.time < date_trunc('day', day.time + interval '30 hours', %(zone)s)
GROUP BY 1, 2
ON CONFLICT (series_id, time) DO UPDATE
SET count = EXCLUDED.count, normal_count = EXCLUDED.normal_count, mean = EXCLUDED.mean,
    minimum = EXCLUDED.minimum, maximum = EXCLUDED.maximum

-- name: channels
-- The factor codes of a device's real-time and mean values.
SELECT DISTINCT series.channel
FROM device JOIN series ON series.point_id = coalesce(device.point_id, device.quarantine_point_id)
WHERE device.external_id = %(name)s AND series.statistic IN ('rtd', 'avg')
ORDER BY series.channel

-- name: ask_command
INSERT INTO command (device, request, asked_by, expires_at)
VALUES (%(device)s, %(request)s, %(asked_by)s, now() + %(seconds)s * interval '1 second')
RETURNING id

-- name: waiting_commands
SELECT id, device FROM command
WHERE claimed_at IS NULL AND expires_at > now()
ORDER BY id LIMIT 1000

-- name: claim_commands
UPDATE command SET claimed_at = now(), claimed_by = %(writer)s
WHERE id = ANY(%(ids)s) AND claimed_at IS NULL
RETURNING id, device, request

-- name: finish_command
UPDATE command SET finished_at = now(), result = %(result)s WHERE id = %(id)s

-- name: command_result
SELECT claimed_by, finished_at IS NOT NULL AS is_finished, expires_at < now() AS is_expired, result
FROM command WHERE id = %(id)s

-- name: export_sites
-- What is in quarantine is not judged.
SELECT site.id, site.external_id, site.name, site.industry, site.longitude, site.latitude, site.accepted_until,
       site.settings
FROM site
WHERE EXISTS (SELECT FROM v_point_site WHERE v_point_site.site_id = site.id)
ORDER BY site.id

-- name: export_points
-- A meter that a facility draws its power through is a point of the facility's site.
SELECT point.id, v_point_site.point AS external_id, point.name, point.medium, point.settings
FROM point JOIN v_point_site ON v_point_site.point_id = point.id
WHERE v_point_site.site_id = %(site_id)s ORDER BY point.id

-- name: export_series
SELECT id, channel, quantity, statistic, interval_s, unit, limit_value, range_low, range_high, detection_limit, settings
FROM series WHERE point_id = %(point_id)s ORDER BY id

-- name: export_cadence
-- Seconds between the first values of a series of instants: the commonest distance.
SELECT mode() WITHIN GROUP (ORDER BY gap) AS gap
FROM (
    SELECT round(extract(epoch FROM time - lag(time) OVER (ORDER BY time)))::int AS gap
    FROM (SELECT time FROM observation
          WHERE series_id = %(series_id)s AND time >= %(since)s AND time < %(until)s ORDER BY time LIMIT 500) AS head
) AS gaps WHERE gap > 0

-- name: export_observations
-- Fixed width in COPY's binary format: no column is ever NULL.
SELECT series_id, time, received_at, coalesce(value, 0), value IS NULL, flag
FROM observation WHERE series_id = {series_id} AND time >= {since} AND time < {until}
ORDER BY time

-- name: export_revisions
SELECT series_id, time, received_at, coalesce(value, 0), value IS NULL, flag
FROM observation_revision WHERE series_id = {series_id} AND time >= {since} AND time < {until}
ORDER BY received_at, id

-- name: export_parameters
-- The ledger from before the window too: what was in force when it began. A ledger is short.
SELECT ledger.channel, ledger.name, ledger.value, ledger.time, ledger.received_at
FROM parameter_ledger ledger JOIN device ON device.id = ledger.device_id
WHERE device.point_id = %(point_id)s AND NOT ledger.quarantined AND ledger.time < %(until)s
ORDER BY ledger.time, ledger.id

-- name: export_events
SELECT event.starts_at, event.ends_at, event.kind, event.note, point.external_id AS point
FROM site_event event LEFT JOIN point ON point.id = event.point_id
WHERE event.site_id = %(site_id)s AND event.starts_at < %(until)s
  AND (event.ends_at IS NULL OR event.ends_at > %(since)s)
ORDER BY event.starts_at, event.id

-- name: import_site
INSERT INTO site (external_id, name, industry, longitude, latitude, accepted_until, settings)
VALUES (%(external_id)s, %(name)s, %(industry)s, %(longitude)s, %(latitude)s, %(accepted_until)s, %(settings)s)
RETURNING id

-- name: import_point
INSERT INTO point (site_id, external_id, name, medium, settings)
VALUES (%(site_id)s, %(external_id)s, %(name)s, %(medium)s, %(settings)s) RETURNING id

-- name: import_device
-- The ledger belongs to devices; an imported point gets one that never connects.
INSERT INTO device (external_id, protocol, status, point_id)
VALUES (%(external_id)s, 'dataset', 'refused', %(point_id)s) RETURNING id

-- name: import_series
INSERT INTO series (point_id, channel, quantity, statistic, interval_s, unit, limit_value, range_low, range_high,
                    detection_limit, settings)
VALUES (%(point_id)s, %(channel)s, %(quantity)s, %(statistic)s, %(interval_s)s, %(unit)s, %(limit_value)s,
        %(range_low)s, %(range_high)s, %(detection_limit)s, %(settings)s) RETURNING id

-- name: import_staging
-- `number`: order of the rows in the file.
CREATE TEMPORARY TABLE imported (
    series_id int NOT NULL, time timestamptz NOT NULL, received_at timestamptz NOT NULL, value float8,
    flag "char" NOT NULL, number bigint NOT NULL
) ON COMMIT DROP

-- name: copy_imported
COPY imported (series_id, time, received_at, value, flag, number) FROM STDIN

-- name: import_observations
-- The first to arrive is the observation.
INSERT INTO observation (series_id, time, received_at, value, flag)
SELECT DISTINCT ON (series_id, time) series_id, time, received_at, value, flag
FROM imported ORDER BY series_id, time, received_at, number

-- name: import_revisions
INSERT INTO observation_revision (series_id, time, value, flag, received_at, first_value, first_flag,
                                  first_received_at)
SELECT new.series_id, new.time, new.value, new.flag, new.received_at, first.value, first.flag, first.received_at
FROM imported new JOIN observation first USING (series_id, time)
WHERE (new.value, new.flag) IS DISTINCT FROM (first.value, first.flag)
ORDER BY new.received_at, new.number
ON CONFLICT DO NOTHING

-- name: import_parameter
INSERT INTO parameter_ledger (device_id, channel, name, value, time, received_at, last_seen_at, quarantined)
VALUES (%(device_id)s, %(channel)s, %(name)s, %(value)s, %(time)s, %(received_at)s, %(received_at)s, false)
ON CONFLICT DO NOTHING

-- name: import_event
INSERT INTO site_event (site_id, point_id, kind, starts_at, ends_at, note)
VALUES (%(site_id)s, %(point_id)s, %(kind)s, %(starts_at)s, %(ends_at)s, %(note)s)
ON CONFLICT DO NOTHING

-- name: try_detection_lock
SELECT pg_try_advisory_lock(7241001, 3) AS mine

-- name: detection_is_due
-- A run is due so long after the last one was begun, whoever began it.
SELECT NOT EXISTS (
    SELECT FROM detection_run WHERE started_at > clock_timestamp() - make_interval(secs => %(every_s)s)
) AS due

-- name: begin_detection
INSERT INTO detection_run (runner, since, until) VALUES (%(runner)s, %(since)s, %(until)s) RETURNING id

-- name: end_detection
UPDATE detection_run
SET finished_at = clock_timestamp(), points_read = %(points_read)s, findings = %(findings)s,
    new_alerts = %(new_alerts)s, versions = %(versions)s
WHERE id = %(id)s

-- name: fail_detection
UPDATE detection_run SET finished_at = clock_timestamp(), error = %(error)s WHERE id = %(id)s

-- name: detection_figures
-- Newest data: the last batch of each writer. Lag is empty until a run has succeeded.
WITH success AS (
    SELECT max(finished_at) AS finished_at, max(until) AS until
    FROM detection_run WHERE finished_at IS NOT NULL AND error IS NULL
), newest AS (
    SELECT max(batch.committed_at) AS at
    FROM writer JOIN batch ON batch.writer_id = writer.id AND batch.seq = writer.seq
), waiting AS (
    SELECT count(*) AS pending, min(created_at) AS oldest FROM alert_outbox WHERE delivered_at IS NULL
)
SELECT coalesce(extract(epoch FROM success.finished_at), 0)::float8 AS success_s,
       CASE WHEN success.until IS NOT NULL
            THEN extract(epoch FROM greatest(newest.at - success.until, interval '0'))::float8 END AS lag_s,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7241001 AND objid = 3 AND granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS is_locked,
       waiting.pending, coalesce(extract(epoch FROM clock_timestamp() - waiting.oldest), 0)::float8 AS oldest_s,
       (SELECT coalesce(extract(epoch FROM min(looked_at)), 0)::float8 FROM facility_watch) AS looked_s
FROM success, newest, waiting

-- name: findings_by_class
SELECT class, count(*) AS number FROM finding GROUP BY class

-- name: alerts_by_class
SELECT finding.class, alert.state, count(*) AS number
FROM alert JOIN finding ON finding.id = alert.finding_id GROUP BY finding.class, alert.state

-- name: stage_findings
CREATE TEMPORARY TABLE new_finding (LIKE finding INCLUDING DEFAULTS) ON COMMIT DROP

-- name: stage_finding
INSERT INTO new_finding (id, site, point, channels, starts_at, ends_at, detected_at, detector, detector_version, class,
                         alternatives, score, p_value, statistic, threshold, alert, evidence, explanation, innocent_if)
VALUES (%(id)s, %(site)s, %(point)s, %(channels)s, %(start)s, %(end)s, %(detected_at)s, %(detector)s,
        %(detector_version)s, %(class)s, %(alternatives)s, %(score)s, %(p_value)s, %(statistic)s, %(threshold)s,
        %(alert)s, %(evidence)s, %(explanation)s, %(innocent_if)s)

-- name: recognise_findings
-- Where a site has no accepted period the window of the analysis moves on, and with it the beginning of what lasts
-- longer than it. That is the old finding, not a new one.
WITH again AS (
    SELECT DISTINCT ON (new_id) old_id, new_id
    FROM (
        SELECT DISTINCT ON (old.id) old.id AS old_id, new.id AS new_id, old.starts_at
        FROM new_finding new JOIN finding old USING (site, point, channels, detector)
        WHERE old.starts_at < new.ends_at AND new.starts_at < old.ends_at
          AND NOT EXISTS (SELECT FROM finding same WHERE same.id = new.id)
          AND NOT EXISTS (SELECT FROM new_finding same WHERE same.id = old.id)
        ORDER BY old.id, new.starts_at
    ) AS pair
    ORDER BY new_id, starts_at
)
UPDATE new_finding SET id = again.old_id FROM again WHERE new_finding.id = again.new_id RETURNING new_id, old_id

-- name: keep_findings
INSERT INTO finding AS old SELECT * FROM new_finding ORDER BY id
ON CONFLICT (id) DO UPDATE
SET ends_at = greatest(old.ends_at, EXCLUDED.ends_at), detector_version = EXCLUDED.detector_version,
    class = EXCLUDED.class, alternatives = EXCLUDED.alternatives, score = EXCLUDED.score, p_value = EXCLUDED.p_value,
    statistic = EXCLUDED.statistic, threshold = EXCLUDED.threshold, alert = old.alert OR EXCLUDED.alert,
    evidence = EXCLUDED.evidence, explanation = EXCLUDED.explanation, innocent_if = EXCLUDED.innocent_if,
    confirmed_at = EXCLUDED.confirmed_at

-- name: alerting_lock
-- The analysis and power-use supervision open alerts one after the other: each looks what the other has told.
SELECT pg_advisory_xact_lock(7241001, 5)

-- name: join_alerts
-- What power-use supervision has told of the same power at the same time, up to six hours apart, is the same deed:
-- the finding joins that alert. Edits, replays and copies are deeds of their own. What begins after an alert was closed
-- is new.
WITH told AS (
    SELECT DISTINCT ON (finding.id) finding.id AS finding_id, alert.id AS alert_id
    FROM new_finding JOIN finding USING (id)
    JOIN v_facility_event_place event ON event.site = finding.site AND event.point = finding.point
                                     AND event.channels && finding.channels
                                     AND event.starts_at <= finding.ends_at + interval '6 hours'
                                     AND event.ends_at >= finding.starts_at - interval '6 hours'
    LEFT JOIN alert_joined joined ON joined.finding_id = event.finding_id
    JOIN alert ON alert.finding_id = event.finding_id OR alert.id = joined.alert_id
    WHERE finding.alert AND finding.class NOT IN ('late_edit', 'parameter_edited', 'replayed', 'copied_channel')
      AND NOT EXISTS (SELECT FROM alert own WHERE own.finding_id = finding.id)
      AND NOT EXISTS (SELECT FROM alert_joined own WHERE own.finding_id = finding.id)
      AND (alert.state NOT IN ('closed', 'dismissed') OR finding.starts_at < alert.changed_at)
    ORDER BY finding.id, alert.id
), joined AS (
    INSERT INTO alert_joined (finding_id, alert_id) SELECT finding_id, alert_id FROM told RETURNING finding_id, alert_id
)
INSERT INTO alert_action (alert_id, actor, action, detail)
SELECT alert_id, 'detection', 'joined', jsonb_build_object('finding', finding_id) FROM joined

-- name: open_alerts
INSERT INTO alert (finding_id)
SELECT finding.id FROM new_finding JOIN finding USING (id)
WHERE finding.alert AND NOT EXISTS (SELECT FROM alert_joined WHERE alert_joined.finding_id = finding.id)
ORDER BY finding.detected_at, finding.id
ON CONFLICT (finding_id) DO NOTHING
RETURNING id

-- name: note_opened
INSERT INTO alert_action (alert_id, actor, action)
SELECT id, 'detection', 'opened' FROM unnest(%(ids)s::bigint[]) AS id

-- name: opened_alerts
SELECT alert.id, alert.opened_at, finding.id AS finding, finding.site, finding.point, finding.channels,
       finding.starts_at, finding.ends_at, finding.detected_at, finding.detector, finding.detector_version,
       finding.class AS fault, finding.alternatives, finding.score, finding.p_value, finding.evidence, finding.explanation,
       finding.innocent_if
FROM alert JOIN finding ON finding.id = alert.finding_id WHERE alert.id = ANY(%(ids)s) ORDER BY alert.id

-- name: put_in_outbox
INSERT INTO alert_outbox (alert_id, feed, payload) VALUES (%(alert_id)s, %(feed)s, %(payload)s)

-- name: keep_inspection
-- The list is drawn up anew; what people have written into it stays.
INSERT INTO inspection (site, period, rank, score, findings, top_class, top_finding)
VALUES (%(site)s, %(period)s, %(rank)s, %(score)s, %(findings)s, %(top_class)s, %(top_finding)s)
ON CONFLICT (site, period) DO UPDATE
SET rank = EXCLUDED.rank, score = EXCLUDED.score, findings = EXCLUDED.findings, top_class = EXCLUDED.top_class,
    top_finding = EXCLUDED.top_finding

-- name: next_in_outbox
-- The row stays locked until it is marked; other processes take the next one.
SELECT id, payload FROM alert_outbox
WHERE delivered_at IS NULL AND feed = %(feed)s AND next_attempt_at <= now()
ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: mark_delivered
UPDATE alert_outbox SET delivered_at = now(), attempts = attempts + 1, last_error = NULL WHERE id = %(id)s

-- name: put_off
-- Twice as long each time, up to an hour.
UPDATE alert_outbox
SET attempts = attempts + 1, last_error = %(error)s,
    next_attempt_at = now() + least(interval '1 hour', interval '1 second' * 2 ^ least(attempts, 12))
WHERE id = %(id)s

-- name: import_hours
-- What the roll-ups would make of it, at once.
INSERT INTO observation_hourly (series_id, time, count, normal_count, mean, minimum, maximum)
SELECT series_id, date_trunc('hour', time), count(*), count(value) FILTER (WHERE flag = 'N'),
       avg(value) FILTER (WHERE flag = 'N'), min(value) FILTER (WHERE flag = 'N'), max(value) FILTER (WHERE flag = 'N')
FROM observation WHERE series_id = ANY(%(series)s) GROUP BY 1, 2

-- name: import_touched
INSERT INTO touched SELECT series_id, time FROM observation_hourly WHERE series_id = ANY(%(series)s)
