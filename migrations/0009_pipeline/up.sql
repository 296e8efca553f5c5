CREATE TABLE IF NOT EXISTS {{db}}.pipeline_events {{on_cluster}}
(
    ts        DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When',
    component LowCardinality(String) COMMENT 'capture, correlate, detect, web, store, httpd',
    event     LowCardinality(String) COMMENT 'started, ready, exited, killed, restarted, stopped, failed',
    detail    String COMMENT 'For a person: exit code or signal, and what was done'
)
ENGINE = {{replicated_global:MergeTree}}
PARTITION BY toYYYYMM(ts)
ORDER BY ts
TTL toDateTime(ts) + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What happened to the processes of the pipeline';

CREATE TABLE IF NOT EXISTS {{db}}.pipeline_metrics {{on_cluster}}
(
    ts        DateTime64(3, 'UTC') COMMENT 'When it was measured' CODEC(DoubleDelta, ZSTD(1)),
    component LowCardinality(String) COMMENT 'Part of the pipeline' CODEC(ZSTD(1)),
    instance  LowCardinality(String) COMMENT 'Host or process of it' CODEC(ZSTD(1)),
    metric    LowCardinality(String) COMMENT 'Name, with labels in braces' CODEC(ZSTD(1)),
    value     Float64 COMMENT 'Counter since the start of the process, or gauge' CODEC(Gorilla, ZSTD(1))
)
ENGINE = {{replicated_global:MergeTree}}
PARTITION BY toYYYYMM(ts)
ORDER BY (component, metric, instance, ts)
TTL toDateTime(ts) + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Counters and gauges of the pipeline, every ten seconds';

CREATE TABLE IF NOT EXISTS {{db}}.ingest_batches {{on_cluster}}
(
    token     String COMMENT 'Deduplication token of the insert',
    instance  LowCardinality(String) COMMENT 'Process that stored it',
    rows      UInt32 COMMENT 'Rows of the batch',
    first_id  UUID COMMENT 'Lowest event_id',
    last_id   UUID COMMENT 'Highest event_id',
    stored_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was acknowledged'
)
ENGINE = {{replicated_global:ReplacingMergeTree(stored_at)}}
PARTITION BY toYYYYMM(stored_at)
ORDER BY (instance, token)
TTL toDateTime(stored_at) + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Batches that are known to be stored';
