-- One row for each kind of simulated MQTT device; the kind is the second part of its name. An aircraft counts with its
-- dock. Messages are those kept, one for each frame; a device of which nothing came has no row.
WITH kind AS (
    SELECT device, split_part(device, '-', 2) AS kind FROM v_device WHERE device LIKE 'mqtt-%'
), frame AS (
    SELECT device, count(*) AS messages FROM raw_frame WHERE device LIKE 'mqtt-%' GROUP BY device
), observed AS (
    SELECT v_device.device, count(*) AS values
    FROM v_observation JOIN v_device ON v_device.point = v_observation.point AND v_device.site = v_observation.site
    WHERE v_device.device LIKE 'mqtt-%' GROUP BY v_device.device
), flown AS (
    SELECT v_device.device, count(*) AS positions
    FROM v_track JOIN v_device ON v_device.point = v_track.platform AND v_device.site = v_track.site
    WHERE v_device.device LIKE 'mqtt-%' GROUP BY v_device.device
), event AS (
    SELECT device, count(*) AS events FROM v_device_event WHERE device LIKE 'mqtt-%' GROUP BY device
), dead AS (
    SELECT device, count(*) AS letters FROM dead_letter WHERE device LIKE 'mqtt-%' GROUP BY device
)
SELECT kind, count(*) AS devices, coalesce(sum(messages), 0) AS messages, coalesce(sum(values), 0) AS values,
       coalesce(sum(positions), 0) AS positions, coalesce(sum(events), 0) AS events, coalesce(sum(letters), 0) AS letters
FROM kind
LEFT JOIN frame USING (device)
LEFT JOIN observed USING (device)
LEFT JOIN flown USING (device)
LEFT JOIN event USING (device)
LEFT JOIN dead USING (device)
GROUP BY kind
ORDER BY kind;
