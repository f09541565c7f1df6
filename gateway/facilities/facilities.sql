-- Named queries of power-use supervision. Parameters are psycopg's, by name.

-- name: make_site
INSERT INTO site (external_id) VALUES (%(site)s)
ON CONFLICT (external_id) DO UPDATE SET external_id = EXCLUDED.external_id RETURNING id

-- name: put_facility
-- Another meter or kind makes the old signature worthless; what else is given is taken over.
INSERT INTO facility AS old (site_id, name, kind, device, quantity, channel, standby_group, serves, shift_from_s,
                             shift_until_s)
VALUES (%(site_id)s, %(name)s, %(kind)s, %(device)s, %(quantity)s, %(channel)s, %(standby_group)s,
        coalesce(%(serves)s::text[], '{}'), %(shift_from_s)s, %(shift_until_s)s)
ON CONFLICT (site_id, name) DO UPDATE
SET kind = EXCLUDED.kind, device = EXCLUDED.device, quantity = EXCLUDED.quantity, channel = EXCLUDED.channel,
    standby_group = EXCLUDED.standby_group, serves = coalesce(%(serves)s::text[], old.serves),
    shift_from_s = coalesce(EXCLUDED.shift_from_s, old.shift_from_s),
    shift_until_s = coalesce(EXCLUDED.shift_until_s, old.shift_until_s),
    signed_off_by = CASE WHEN (old.kind, old.device, old.quantity, old.channel)
                              = (EXCLUDED.kind, EXCLUDED.device, EXCLUDED.quantity, EXCLUDED.channel)
                         THEN old.signed_off_by END,
    signed_off_at = CASE WHEN (old.kind, old.device, old.quantity, old.channel)
                              = (EXCLUDED.kind, EXCLUDED.device, EXCLUDED.quantity, EXCLUDED.channel)
                         THEN old.signed_off_at END
RETURNING id

-- name: propose_thresholds
UPDATE facility SET off_kw = %(off_kw)s, run_kw = %(run_kw)s, learned = %(learned)s, learned_at = clock_timestamp(),
                    signed_off_by = NULL, signed_off_at = NULL
WHERE id = %(id)s

-- name: sign_off
UPDATE facility SET off_kw = %(off_kw)s, run_kw = %(run_kw)s, signed_off_by = %(by)s, signed_off_at = clock_timestamp()
WHERE id = %(id)s

-- name: note_signature
INSERT INTO facility_signature (facility_id, signed_by, off_kw, run_kw) VALUES (%(id)s, %(by)s, %(off_kw)s, %(run_kw)s)

-- name: put_link
INSERT INTO facility_link (site_id, name, mode, lead_s, lag_s, least_ratio)
VALUES (%(site_id)s, %(name)s, %(mode)s, %(lead_s)s, %(lag_s)s, %(least_ratio)s)
ON CONFLICT (site_id, name) DO UPDATE
SET mode = EXCLUDED.mode, lead_s = EXCLUDED.lead_s, lag_s = EXCLUDED.lag_s, least_ratio = EXCLUDED.least_ratio
RETURNING id

-- name: drop_members
DELETE FROM facility_link_member WHERE link_id = %(id)s

-- name: put_members
INSERT INTO facility_link_member (link_id, facility_id) SELECT %(id)s, unnest(%(members)s::int[])

-- name: put_notice
INSERT INTO facility_notice (site_id, facility_id, kind, starts_at, ends_at, allowed_share, baseline_kw, note, recorded_by)
VALUES (%(site_id)s, %(facility_id)s, %(kind)s, %(starts_at)s, %(ends_at)s, %(allowed_share)s, %(baseline_kw)s,
        %(note)s, %(by)s)

-- name: sites
SELECT DISTINCT site.id, site.external_id AS site FROM facility JOIN site ON site.id = facility.site_id
WHERE %(site)s::text IS NULL OR site.external_id = %(site)s
ORDER BY site.external_id

-- name: facilities
SELECT id, name, kind, device, quantity, channel, standby_group, off_kw, run_kw, signed_off_by, serves,
       shift_from_s, shift_until_s
FROM facility WHERE site_id = %(site_id)s ORDER BY id

-- name: links
SELECT link.id, link.name, link.mode, link.lead_s, link.lag_s, link.least_ratio,
       array_agg(member.facility_id ORDER BY member.facility_id) AS members
FROM facility_link link JOIN facility_link_member member ON member.link_id = link.id
WHERE link.site_id = %(site_id)s GROUP BY link.id ORDER BY link.id

-- name: calendar
SELECT facility_id, kind, extract(epoch FROM starts_at)::float8 AS start_s, extract(epoch FROM ends_at)::float8 AS end_s,
       allowed_share, baseline_kw
FROM facility_notice
WHERE site_id = %(site_id)s AND ends_at > %(since)s AND starts_at < %(until)s ORDER BY id

-- name: powers
-- One value for each step: the mean, of a register the last. Of several series of a point that measure the same, the
-- one with the closest values; anything but good values is missing.
WITH wanted AS (
    SELECT facility.id, device.point_id, 'power' AS quantity, facility.quantity AS of_series, facility.channel
    FROM facility JOIN device ON device.external_id = facility.device
    WHERE facility.site_id = %(site_id)s
    UNION ALL
    SELECT facility.id, device.point_id, other, other, ''
    FROM facility JOIN device ON device.external_id = facility.device, unnest(%(others)s::text[]) AS other
    WHERE facility.site_id = %(site_id)s AND facility.channel = ''
), chosen AS (
    SELECT DISTINCT ON (wanted.id, wanted.quantity) wanted.id, wanted.quantity, series.id AS series_id
    FROM wanted JOIN series ON series.point_id = wanted.point_id AND series.quantity = wanted.of_series
    WHERE (wanted.channel = '' OR series.channel = wanted.channel)
      AND series.statistic IN ('rtd', 'avg', 'total') AND series.interval_s <= 60
    ORDER BY wanted.id, wanted.quantity, series.interval_s, series.id
)
SELECT chosen.id, chosen.quantity, step.at_s, step.value
FROM chosen, LATERAL (
    SELECT floor(extract(epoch FROM time)::float8 / %(step_s)s) * %(step_s)s AS at_s,
           CASE WHEN chosen.quantity LIKE 'energy%%' THEN (array_agg(value ORDER BY time DESC))[1] ELSE avg(value) END AS value
    FROM observation
    WHERE series_id = chosen.series_id AND time >= %(since)s AND time < %(until)s AND flag = 'N' AND value IS NOT NULL
    GROUP BY 1
) AS step

-- name: emissions
-- What the outlets that a treatment serves have reported as normal, of each pollutant that has a limit: of several series
-- the one with the closest values. pH is no amount of anything.
WITH chosen AS (
    SELECT DISTINCT ON (place.point, series.quantity) place.point, series.quantity, series.id AS series_id, series.interval_s
    FROM v_point_site place JOIN series ON series.point_id = place.point_id
    WHERE place.site_id = %(site_id)s
      AND place.point IN (SELECT unnest(serves) FROM facility WHERE site_id = %(site_id)s)
      AND series.statistic IN ('rtd', 'avg') AND series.interval_s <= %(longest_s)s AND series.quantity <> 'ph'
      AND EXISTS (SELECT FROM series other WHERE other.point_id = series.point_id
                    AND other.quantity = series.quantity AND other.limit_value IS NOT NULL)
    ORDER BY place.point, series.quantity, series.interval_s, series.id
)
SELECT chosen.point, chosen.quantity, chosen.interval_s::float8, extract(epoch FROM observation.time)::float8 AS at_s,
       observation.value
FROM chosen JOIN observation ON observation.series_id = chosen.series_id
WHERE observation.time >= %(since)s AND observation.time < %(until)s AND flag = 'N' AND value IS NOT NULL

-- name: take_watch
-- Held until the end of the transaction; NULL if another process is at it.
SELECT pg_try_advisory_xact_lock(7241004, %(site_id)s) AS mine

-- name: watch
SELECT extract(epoch FROM until)::float8 AS until_s,
       extract(epoch FROM clock_timestamp() - looked_at)::float8 AS looked_ago_s
FROM facility_watch WHERE site_id = %(site_id)s

-- name: note_watch
INSERT INTO facility_watch (site_id, until) VALUES (%(site_id)s, %(until)s)
ON CONFLICT (site_id) DO UPDATE
SET until = greatest(facility_watch.until, EXCLUDED.until), looked_at = clock_timestamp()

-- name: continue_event
-- The same contradiction goes on: it overlaps what is known of it, or follows within a few steps. Its figures are
-- taken over while the window still holds its beginning; how long it has lasted is always known.
UPDATE facility_event
SET ends_at = greatest(ends_at, %(ends_at)s), severity = greatest(severity, %(severity)s),
    figures = CASE WHEN starts_at >= %(starts_at)s THEN %(figures)s ELSE figures END
              || CASE WHEN figures ? 'duration_s' THEN jsonb_build_object('duration_s',
                     extract(epoch FROM greatest(ends_at, %(ends_at)s) - starts_at)) ELSE '{}' END
WHERE id = (
    SELECT id FROM facility_event
    WHERE site_id = %(site_id)s AND link_id IS NOT DISTINCT FROM %(link_id)s
      AND facility_id IS NOT DISTINCT FROM %(facility_id)s AND rule = %(rule)s
      AND starts_at <= %(ends_at)s AND ends_at >= %(starts_at)s - make_interval(secs => %(join_s)s)
    ORDER BY starts_at DESC LIMIT 1
)
RETURNING id, starts_at, ends_at, detected_at, severity, figures, notice, finding_id

-- name: put_event
INSERT INTO facility_event (site_id, link_id, facility_id, rule, starts_at, ends_at, detected_at, severity, figures, notice)
VALUES (%(site_id)s, %(link_id)s, %(facility_id)s, %(rule)s, %(starts_at)s, %(ends_at)s, %(detected_at)s, %(severity)s,
        %(figures)s, %(notice)s)
ON CONFLICT DO NOTHING
RETURNING id, starts_at, ends_at, detected_at, severity, figures, notice, finding_id

-- name: event_places
SELECT device, point, channels FROM v_facility_event_place WHERE event_id = %(id)s ORDER BY facility

-- name: keep_finding
-- The finding of a contradiction: its identity is fixed, the rest goes on with it. Untouched if nothing is new.
INSERT INTO finding AS old (id, site, point, channels, starts_at, ends_at, detected_at, detector, detector_version, class,
                            alternatives, score, statistic, alert, evidence, explanation, innocent_if)
VALUES (%(id)s, %(site)s, %(point)s, %(channels)s, %(starts_at)s, %(ends_at)s, %(detected_at)s, %(detector)s,
        %(detector_version)s, %(class)s, %(alternatives)s, %(score)s, %(statistic)s, %(alert)s, %(evidence)s,
        %(explanation)s, %(innocent_if)s)
ON CONFLICT (id) DO UPDATE
SET ends_at = EXCLUDED.ends_at, score = EXCLUDED.score, statistic = EXCLUDED.statistic, alert = old.alert OR EXCLUDED.alert,
    evidence = EXCLUDED.evidence, explanation = EXCLUDED.explanation, confirmed_at = now()
WHERE (old.ends_at, old.score, old.alert, old.evidence)
      IS DISTINCT FROM (EXCLUDED.ends_at, EXCLUDED.score, EXCLUDED.alert, EXCLUDED.evidence)

-- name: note_finding
UPDATE facility_event SET finding_id = %(finding)s WHERE id = %(id)s AND finding_id IS NULL

-- name: is_alerted
SELECT EXISTS (SELECT FROM alert WHERE finding_id = %(finding)s)
    OR EXISTS (SELECT FROM alert_joined WHERE finding_id = %(finding)s) AS yes

-- name: join_alert
-- An alert about the same power at the same time, up to six hours apart, has told of this deed already, whether it came
-- from the analysis or from another rule. What begins after an alert was closed is new.
WITH told AS (
    SELECT alert.id AS alert_id
    FROM v_facility_event_place event
    JOIN finding ON finding.site = event.site AND finding.point = event.point AND finding.channels && event.channels
                AND finding.starts_at <= event.ends_at + interval '6 hours'
                AND finding.ends_at >= event.starts_at - interval '6 hours'
    LEFT JOIN alert_joined joined ON joined.finding_id = finding.id
    JOIN alert ON alert.finding_id = finding.id OR alert.id = joined.alert_id
    WHERE event.event_id = %(id)s AND finding.id <> %(finding)s
      AND finding.class NOT IN ('late_edit', 'parameter_edited', 'replayed', 'copied_channel')
      AND (alert.state NOT IN ('closed', 'dismissed') OR event.starts_at < alert.changed_at)
    ORDER BY alert.id LIMIT 1
), joined AS (
    INSERT INTO alert_joined (finding_id, alert_id) SELECT %(finding)s, alert_id FROM told RETURNING alert_id
)
INSERT INTO alert_action (alert_id, actor, action, detail)
SELECT alert_id, 'facilities', 'joined', jsonb_build_object('finding', %(finding)s::text) FROM joined

-- name: open_alert
INSERT INTO alert (finding_id) VALUES (%(finding)s) RETURNING id

-- name: note_alert
INSERT INTO alert_action (alert_id, actor, action) VALUES (%(id)s, 'facilities', 'opened')

-- name: claim_untold
UPDATE facility_event SET claimed_at = clock_timestamp()
WHERE told_at IS NULL AND (claimed_at IS NULL OR claimed_at < clock_timestamp() - make_interval(secs => %(again_s)s))
RETURNING id, notice

-- name: mark_told
UPDATE facility_event SET told_at = clock_timestamp() WHERE id = ANY (%(ids)s) AND told_at IS NULL

-- name: recent_events
SELECT link, facility, rule, kind, extract(epoch FROM starts_at)::float8 AS start_s,
       extract(epoch FROM ends_at)::float8 AS end_s, severity, figures, text_zh, text_en, unless_zh, unless_en
FROM v_facility_event WHERE site = %(site)s AND ends_at >= %(since)s ORDER BY starts_at, id
