-- TimescaleDB under the TSL: the database keeps the roll-ups itself. Same names and columns as in the other tiers.

CREATE MATERIALIZED VIEW observation_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', time) AS time, series_id,
       count(*)::int AS count,
       (count(value) FILTER (WHERE flag = 'N'))::int AS normal_count,
       avg(value) FILTER (WHERE flag = 'N') AS mean,
       min(value) FILTER (WHERE flag = 'N') AS minimum,
       max(value) FILTER (WHERE flag = 'N') AS maximum
FROM observation GROUP BY 1, 2
WITH NO DATA;

CREATE MATERIALIZED VIEW observation_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 day', time, 'Asia/Shanghai') AS time, series_id,
       count(*)::int AS count,
       (count(value) FILTER (WHERE flag = 'N'))::int AS normal_count,
       avg(value) FILTER (WHERE flag = 'N') AS mean,
       min(value) FILTER (WHERE flag = 'N') AS minimum,
       max(value) FILTER (WHERE flag = 'N') AS maximum
FROM observation GROUP BY 1, 2
WITH NO DATA;

SELECT add_continuous_aggregate_policy('observation_hourly',
    start_offset => INTERVAL '30 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '10 minutes');
SELECT add_continuous_aggregate_policy('observation_daily',
    start_offset => INTERVAL '60 days', end_offset => INTERVAL '1 day', schedule_interval => INTERVAL '1 hour');

-- Chunks that are a month old are stored by column: late rows still go in, and reads of one series get short.
ALTER TABLE observation SET (timescaledb.enable_columnstore,
    timescaledb.segmentby = 'series_id', timescaledb.orderby = 'time DESC');
CALL add_columnstore_policy('observation', after => INTERVAL '30 days');
