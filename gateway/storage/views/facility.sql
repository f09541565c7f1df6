-- Facilities and their contradictions, for people.

CREATE OR REPLACE VIEW v_facility AS
SELECT site.external_id AS site, facility.name, facility.kind, facility.device, facility.quantity, facility.channel,
       facility.standby_group, facility.off_kw, facility.run_kw, facility.learned_at, facility.signed_off_by,
       facility.signed_off_at
FROM facility JOIN site ON site.id = facility.site_id;

CREATE OR REPLACE VIEW v_facility_event AS
SELECT event.id, site.external_id AS site, link.name AS link, facility.name AS facility, event.rule,
       event.notice ->> 'kind' AS kind, event.starts_at, event.ends_at, event.detected_at, event.severity,
       event.figures, event.notice -> 'detail' ->> 'text_zh' AS text_zh,
       event.notice -> 'detail' ->> 'text_en' AS text_en, event.notice -> 'detail' ->> 'unless_zh' AS unless_zh,
       event.notice -> 'detail' ->> 'unless_en' AS unless_en, event.found_at, event.told_at
FROM facility_event event
JOIN site ON site.id = event.site_id
LEFT JOIN facility_link link ON link.id = event.link_id
LEFT JOIN facility ON facility.id = event.facility_id;
