-- The permitted day shift, where a permit says so: seconds of the day, UTC.
ALTER TABLE facility ADD COLUMN shift_from_s int CHECK (shift_from_s >= 0 AND shift_from_s < 86400);
ALTER TABLE facility ADD COLUMN shift_until_s int CHECK (shift_until_s >= 0 AND shift_until_s < 86400);
ALTER TABLE facility ADD CONSTRAINT shift_is_whole CHECK (
    (shift_from_s IS NULL) = (shift_until_s IS NULL) AND shift_from_s <> shift_until_s);
