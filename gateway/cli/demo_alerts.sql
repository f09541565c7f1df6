-- Alerts, and when the accepted period of their site ends: the simulator's labels are moved in time as its sites were.
SELECT site.external_id AS site, extract(epoch FROM site.accepted_until)::float8 AS accepted_s, alert.class,
       extract(epoch FROM alert.starts_at)::float8 AS start_s, extract(epoch FROM alert.ends_at)::float8 AS end_s
FROM site LEFT JOIN v_alert AS alert ON alert.site = site.external_id
ORDER BY site.external_id, alert.score DESC, alert.starts_at
