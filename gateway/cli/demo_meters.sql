-- One row for each facility: what its meter said, and the thresholds that are in force.
SELECT facility.site, facility.name, facility.kind, facility.device AS meter,
       (SELECT count(*) FROM v_power WHERE v_power.site = facility.site AND v_power.point = facility.device) AS values,
       latest.power_kw, latest.voltage_v, latest.current_a, facility.off_kw, facility.run_kw, facility.signed_off_by
FROM v_facility facility
LEFT JOIN LATERAL (
    SELECT (array_agg(value ORDER BY time DESC) FILTER (WHERE quantity = 'power'))[1] AS power_kw,
           (array_agg(value ORDER BY time DESC) FILTER (WHERE quantity = 'voltage_a'))[1] AS voltage_v,
           (array_agg(value ORDER BY time DESC) FILTER (WHERE quantity = 'current_a'))[1] AS current_a
    FROM v_power WHERE v_power.site = facility.site AND v_power.point = facility.device AND value IS NOT NULL
) AS latest ON true
ORDER BY facility.device
