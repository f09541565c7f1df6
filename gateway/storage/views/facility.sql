-- Facilities and their contradictions, for people.

CREATE OR REPLACE VIEW v_facility AS
SELECT site.external_id AS site, facility.name, facility.kind, facility.device, facility.quantity, facility.channel,
       facility.standby_group, facility.off_kw, facility.run_kw, facility.learned_at, facility.signed_off_by,
       facility.signed_off_at, facility.serves
FROM facility JOIN site ON site.id = facility.site_id;

CREATE OR REPLACE VIEW v_facility_event AS
SELECT event.id, site.external_id AS site, link.name AS link, facility.name AS facility, event.rule,
       event.notice ->> 'kind' AS kind, event.starts_at, event.ends_at, event.detected_at, event.severity,
       event.figures, event.notice -> 'detail' ->> 'text_zh' AS text_zh,
       event.notice -> 'detail' ->> 'text_en' AS text_en, event.notice -> 'detail' ->> 'unless_zh' AS unless_zh,
       event.notice -> 'detail' ->> 'unless_en' AS unless_en, event.found_at, event.told_at,
       event.finding_id
FROM facility_event event
JOIN site ON site.id = event.site_id
LEFT JOIN facility_link link ON link.id = event.link_id
LEFT JOIN facility ON facility.id = event.facility_id;

-- Where the analysis has a point: at its site; but a meter that nobody has placed (it then stands at a site of its own
-- name) at the site whose facility draws its power through it, under the meter's name.
CREATE OR REPLACE VIEW v_point_site AS
SELECT point.id AS point_id, coalesce(meter.site_id, point.site_id) AS site_id,
       coalesce(meter.device, point.external_id) AS point
FROM point JOIN site ON site.id = point.site_id
LEFT JOIN LATERAL (
    SELECT facility.site_id, facility.device
    FROM device JOIN facility ON facility.device = device.external_id
    WHERE device.point_id = point.id AND site.external_id = device.external_id AND facility.site_id <> site.id
    ORDER BY facility.id LIMIT 1
) AS meter ON true
WHERE NOT point.quarantined;
