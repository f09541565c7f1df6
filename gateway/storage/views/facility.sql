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

-- By what names the analysis knows the power of a facility.
CREATE OR REPLACE VIEW v_facility_place AS
SELECT facility.id AS facility_id, site.external_id AS site, place.point,
       array_agg(coalesce(series.settings ->> 'id',
                          concat_ws('-', series.channel, series.statistic, series.interval_s)) ORDER BY series.id) AS channels
FROM facility
JOIN device ON device.external_id = facility.device
JOIN v_point_site place ON place.point_id = device.point_id
JOIN site ON site.id = place.site_id
JOIN series ON series.point_id = device.point_id AND series.quantity = facility.quantity
           AND facility.channel IN ('', series.channel)
GROUP BY facility.id, site.external_id, place.point;

-- Whose power a contradiction is about: the facility's, or that of the treatment of a link.
CREATE OR REPLACE VIEW v_facility_event_place AS
SELECT event.id AS event_id, facility.name AS facility, facility.device, place.site, place.point, place.channels,
       event.starts_at, event.ends_at, event.finding_id
FROM facility_event event
JOIN facility ON facility.site_id = event.site_id AND (
    facility.id = event.facility_id OR (facility.kind = 'treatment' AND EXISTS (
        SELECT FROM facility_link_member member
        WHERE member.link_id = event.link_id AND member.facility_id = facility.id)))
JOIN v_facility_place place ON place.facility_id = facility.id;
