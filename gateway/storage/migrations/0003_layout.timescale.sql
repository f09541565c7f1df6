-- TimescaleDB, both editions. The chunk interval is set from the configuration after the migrations.
-- No default index on time: the primary key (series, time) serves the queries that there are.
SELECT create_hypertable('observation', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
SELECT create_hypertable('track', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
SELECT create_hypertable('raw_frame', by_range('received_at', INTERVAL '7 days'), create_default_indexes => false);
SELECT create_hypertable('device_event', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
