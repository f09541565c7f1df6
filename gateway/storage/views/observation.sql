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

-- All quantities of medium `power` in the vocabulary.
CREATE OR REPLACE VIEW v_power AS
SELECT * FROM v_observation
WHERE quantity IN ('voltage', 'voltage_a', 'voltage_b', 'voltage_c', 'voltage_ab', 'voltage_bc', 'voltage_ca',
                   'current', 'current_a', 'current_b', 'current_c', 'current_n', 'power', 'power_a', 'power_b',
                   'power_c', 'reactive_power', 'reactive_power_a', 'reactive_power_b', 'reactive_power_c',
                   'apparent_power', 'apparent_power_a', 'apparent_power_b', 'apparent_power_c', 'power_factor',
                   'power_factor_a', 'power_factor_b', 'power_factor_c', 'phase_angle_a', 'phase_angle_b',
                   'phase_angle_c', 'frequency', 'power_demand', 'power_demand_max', 'reactive_power_demand',
                   'current_demand', 'energy', 'energy_a', 'energy_b', 'energy_c', 'energy_forward',
                   'energy_reverse', 'energy_net', 'energy_tariff_1', 'energy_tariff_2', 'energy_tariff_3',
                   'energy_tariff_4', 'energy_forward_tariff_1', 'energy_forward_tariff_2',
                   'energy_forward_tariff_3', 'energy_forward_tariff_4', 'energy_reverse_tariff_1',
                   'energy_reverse_tariff_2', 'energy_reverse_tariff_3', 'energy_reverse_tariff_4',
                   'reactive_energy', 'reactive_energy_forward', 'reactive_energy_reverse', 'apparent_energy',
                   'voltage_thd_a', 'voltage_thd_b', 'voltage_thd_c', 'current_thd_a', 'current_thd_b',
                   'current_thd_c', 'voltage_unbalance', 'current_unbalance', 'residual_current',
                   'cable_temperature_a', 'cable_temperature_b', 'cable_temperature_c', 'cable_temperature_n');

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
