-- Values as people and Grafana read them. What devices in quarantine sent is not among them. Columns may be added at
-- the end only: CREATE OR REPLACE keeps views that others built on these.

CREATE OR REPLACE VIEW v_observation AS
SELECT site.external_id AS site, point.external_id AS point, series.quantity, series.statistic, series.interval_s,
       observation.time, observation.value, series.unit, observation.flag, series.channel, observation.received_at,
       observation.series_id
FROM observation
JOIN series ON series.id = observation.series_id
JOIN point ON point.id = series.point_id
JOIN site ON site.id = point.site_id
WHERE NOT point.quarantined;

CREATE OR REPLACE VIEW v_quarantine AS
SELECT site.external_id AS site, point.external_id AS point, series.quantity, series.statistic, series.interval_s,
       observation.time, observation.value, series.unit, observation.flag, series.channel, observation.received_at,
       observation.series_id
FROM observation
JOIN series ON series.id = observation.series_id
JOIN point ON point.id = series.point_id
JOIN site ON site.id = point.site_id
WHERE point.quarantined;

CREATE OR REPLACE VIEW v_power AS
SELECT * FROM v_observation
WHERE quantity IN ('power', 'energy', 'reactive_power', 'reactive_energy', 'apparent_power', 'current', 'voltage',
                   'power_factor', 'frequency');

-- Values whose device clock was wrong; `time` is NULL where the claim is beyond what a timestamp can hold.
CREATE OR REPLACE VIEW v_out_of_bounds AS
SELECT site.external_id AS site, point.external_id AS point, series.quantity, series.statistic, series.interval_s,
       CASE WHEN o.time_us BETWEEN -210866803200000000 AND 9223371331200000000 - 946684800000000
            THEN timestamptz 'epoch' + o.time_us * interval '1 microsecond' END AS time,
       o.value, series.unit, o.flag, series.channel, o.received_at, o.series_id, o.time_us, point.quarantined
FROM observation_out_of_bounds o
JOIN series ON series.id = o.series_id
JOIN point ON point.id = series.point_id
JOIN site ON site.id = point.site_id;

CREATE OR REPLACE VIEW v_revision AS
SELECT site.external_id AS site, point.external_id AS point, series.quantity, series.statistic, series.interval_s,
       r.time, r.first_value, r.first_flag, r.first_received_at, r.value, r.flag, r.received_at, series.unit,
       series.channel, r.series_id
FROM observation_revision r
JOIN series ON series.id = r.series_id
JOIN point ON point.id = series.point_id
JOIN site ON site.id = point.site_id
WHERE NOT point.quarantined;

CREATE OR REPLACE VIEW v_track AS
SELECT site.external_id AS site, point.external_id AS platform, track.time, track.latitude, track.longitude,
       track.altitude_ellipsoid_m, track.altitude_msl_m, track.altitude_takeoff_m, track.speed_m_s, track.heading_deg,
       track.detail, track.received_at, track.platform_id
FROM track
JOIN point ON point.id = track.platform_id
JOIN site ON site.id = point.site_id
WHERE NOT point.quarantined;
