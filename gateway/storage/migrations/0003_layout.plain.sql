-- Plain PostgreSQL: range partitions by month (made ahead by the maintenance) and a DEFAULT one, so that no row is
-- ever refused for want of a partition.
ALTER TABLE observation RENAME TO observation_shape;
CREATE TABLE observation (LIKE observation_shape INCLUDING ALL) PARTITION BY RANGE (time);
CREATE TABLE observation_default PARTITION OF observation DEFAULT;
DROP TABLE observation_shape;

ALTER TABLE track RENAME TO track_shape;
CREATE TABLE track (LIKE track_shape INCLUDING ALL) PARTITION BY RANGE (time);
CREATE TABLE track_default PARTITION OF track DEFAULT;
DROP TABLE track_shape;

ALTER TABLE raw_frame RENAME TO raw_frame_shape;
CREATE TABLE raw_frame (LIKE raw_frame_shape INCLUDING ALL) PARTITION BY RANGE (received_at);
CREATE TABLE raw_frame_default PARTITION OF raw_frame DEFAULT;
DROP TABLE raw_frame_shape;

ALTER TABLE device_event RENAME TO device_event_shape;
CREATE TABLE device_event (LIKE device_event_shape INCLUDING ALL) PARTITION BY RANGE (time);
CREATE TABLE device_event_default PARTITION OF device_event DEFAULT;
DROP TABLE device_event_shape;
