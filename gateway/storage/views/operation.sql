-- How the gateway itself is doing, and what it concluded.

-- The books, in records; a balance other than 0 is a fault of this program.
CREATE OR REPLACE VIEW v_ledger_balance AS
SELECT name AS writer, received + spooled AS received, stored, duplicate, revision, dead_letter, spooled,
       received + spooled - stored - duplicate - revision - dead_letter - spooled AS balance,
       out_of_bounds AS stored_out_of_bounds, seq AS batches, spool_reported_at
FROM writer;

CREATE OR REPLACE VIEW v_alert AS
SELECT alert.id, alert.state, alert.opened_at, alert.changed_at, alert.assignee, finding.id AS finding_id, finding.site,
       finding.point, finding.channels, finding.starts_at, finding.ends_at, finding.detected_at, finding.detector,
       finding.class, finding.alternatives, finding.score, finding.p_value, finding.evidence, finding.explanation,
       finding.innocent_if,
       ARRAY (SELECT finding_id FROM alert_joined WHERE alert_joined.alert_id = alert.id ORDER BY finding_id) AS joined
FROM alert JOIN finding ON finding.id = alert.finding_id;

CREATE OR REPLACE VIEW v_device AS
SELECT device.external_id AS device, device.protocol, device.status, device.name, site.external_id AS site,
       point.external_id AS point, device.last_seen_at, now() - device.last_seen_at AS silent_for,
       device.minute_interval_s, device.allow_list
FROM device
LEFT JOIN point ON point.id = coalesce(device.point_id, device.quarantine_point_id)
LEFT JOIN site ON site.id = point.site_id;

-- Settings in force: the latest entry of each.
CREATE OR REPLACE VIEW v_parameter AS
SELECT DISTINCT ON (device.external_id, ledger.channel, ledger.name)
       device.external_id AS device, ledger.channel, ledger.name, ledger.value, ledger.changed_from, ledger.time,
       ledger.received_at, ledger.last_seen_at
FROM parameter_ledger ledger JOIN device ON device.id = ledger.device_id
WHERE NOT ledger.quarantined
ORDER BY device.external_id, ledger.channel, ledger.name, ledger.time DESC, ledger.id DESC;

CREATE OR REPLACE VIEW v_device_event AS
SELECT device.external_id AS device, event.time, event.kind, event.channel, event.text, event.detail,
       event.received_at
FROM device_event event JOIN device ON device.id = event.device_id
WHERE NOT event.quarantined;

-- How each device departs from its standard, over the last seven days.
CREATE OR REPLACE VIEW v_deviation AS
SELECT device, deviation, count(*) AS frames, min(received_at) AS first_at, max(received_at) AS last_at
FROM raw_frame, unnest(deviations) AS deviation
WHERE received_at > now() - interval '7 days'
GROUP BY device, deviation;

CREATE OR REPLACE VIEW v_dead_letter AS
SELECT id, received_at, source, driver, peer, device, reason, detail, records, length(bytes) AS bytes, replayed_at
FROM dead_letter;
