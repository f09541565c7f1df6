-- One row for each site that sent something: what is stored of it, and how it departs from the standard.
WITH stored AS (
    SELECT site, count(*) AS values, count(DISTINCT channel) AS channels, max(time) AS latest
    FROM v_observation GROUP BY site
), frame AS (
    SELECT device, count(*) - count(DISTINCT sha256) AS repeats FROM raw_frame GROUP BY device
), event AS (
    SELECT device, count(*) AS events FROM v_device_event GROUP BY device
), dead AS (
    SELECT device, count(*) AS letters FROM dead_letter GROUP BY device
), habit AS (
    SELECT device, string_agg(deviation || ' ' || frames, ', ' ORDER BY frames DESC) AS deviations
    FROM v_deviation GROUP BY device
)
SELECT stored.site, stored.values, stored.channels,
       to_char(stored.latest AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI') AS latest,
       frame.repeats, event.events, dead.letters, habit.deviations
FROM stored
LEFT JOIN v_device ON v_device.site = stored.site
LEFT JOIN frame ON frame.device = v_device.device
LEFT JOIN event ON event.device = v_device.device
LEFT JOIN dead ON dead.device = v_device.device
LEFT JOIN habit ON habit.device = v_device.device
WHERE NOT EXISTS (SELECT FROM v_facility WHERE v_facility.site = stored.site) -- in a table of their own
ORDER BY stored.site;
