-- Named queries of the register of sites. Parameters are psycopg's, by name.

-- name: register_lock
-- Documents are taken in one after the other: each is compared with what the one before has left.
SELECT pg_advisory_xact_lock(7241001, 4)

-- name: site_facilities
-- Production and treatment under power-use supervision. Only a signed threshold counts; what a treatment treats is the
-- production of its links.
SELECT facility.id, facility.name, facility.kind, facility.device, facility.quantity, facility.channel, facility.serves,
       CASE WHEN facility.signed_off_by IS NOT NULL THEN facility.run_kw END AS run_kw, device.point_id,
       ARRAY (SELECT DISTINCT made.name
              FROM facility_link_member mine JOIN facility_link_member other USING (link_id)
              JOIN facility made ON made.id = other.facility_id AND made.kind = 'production'
              WHERE mine.facility_id = facility.id AND facility.kind = 'treatment' ORDER BY 1) AS treats
FROM facility LEFT JOIN device ON device.external_id = facility.device
WHERE facility.site_id = %(site_id)s AND facility.kind <> 'plant'
ORDER BY facility.id

-- name: put_document
INSERT INTO site_document (imported_by, name, note, sha256, document)
VALUES (%(by)s, %(name)s, %(note)s, %(sha256)s, %(document)s) RETURNING id

-- name: put_change
INSERT INTO site_change (document_id, site_id, kind, place, key, old_value, new_value)
VALUES (%(document_id)s, %(site_id)s, %(kind)s, %(place)s, %(key)s, %(old)s, %(new)s)

-- name: site_history
SELECT document.imported_at, document.imported_by, document.name, document.note, encode(document.sha256, 'hex') AS sha256,
       change.kind, change.place, change.key, change.old_value, change.new_value
FROM site_change change JOIN site_document document ON document.id = change.document_id
JOIN site ON site.id = change.site_id
WHERE site.external_id = %(site)s ORDER BY change.id DESC LIMIT %(most)s

-- name: set_site
UPDATE site SET {column} = %(value)s WHERE id = %(id)s

-- name: set_point
UPDATE point SET {column} = %(value)s WHERE id = %(id)s

-- name: set_channel
UPDATE series SET {column} = %(value)s WHERE id = %(id)s

-- name: set_facility
UPDATE facility SET {column} = %(value)s WHERE id = %(id)s

-- name: set_site_setting
UPDATE site SET settings = jsonb_strip_nulls(settings || jsonb_build_object(%(key)s::text, %(value)s::jsonb))
WHERE id = %(id)s

-- name: set_point_setting
UPDATE point SET settings = jsonb_strip_nulls(settings || jsonb_build_object(%(key)s::text, %(value)s::jsonb))
WHERE id = %(id)s

-- name: set_channel_setting
UPDATE series SET settings = jsonb_strip_nulls(settings || jsonb_build_object(%(key)s::text, %(value)s::jsonb))
WHERE id = %(id)s
