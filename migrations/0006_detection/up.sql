CREATE TABLE IF NOT EXISTS {{db}}.models {{on_cluster}}
(
    model_id      String COMMENT 'Hex digest of what made it; its first 32 bits are the seed',
    trained_at    DateTime64(6, 'UTC'),
    window_s      UInt32 COMMENT 'Length of the windows, seconds',
    train_from    DateTime('UTC'),
    train_to      DateTime('UTC'),
    train_rows    UInt64,
    reference     LowCardinality(String) COMMENT 'What it compares with: anchor, all or prior',
    feature_names Array(LowCardinality(String)),
    params        String COMMENT 'JSON' CODEC(ZSTD(3)),
    body          String COMMENT 'The model itself, base64' CODEC(ZSTD(3)),
    metrics       Map(LowCardinality(String), Float64),
    state         Enum8('shadow' = 1, 'active' = 2, 'retired' = 3),
    updated_at    DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = {{replicated:ReplacingMergeTree(updated_at)}}
ORDER BY model_id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Registry of detector models';

CREATE TABLE IF NOT EXISTS {{db}}.scores {{on_cluster}}
(
    window_start  DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    window_s      UInt32 CODEC(ZSTD(1)),
    http_host     LowCardinality(String) CODEC(ZSTD(1)),
    ja4           LowCardinality(String) CODEC(ZSTD(1)),
    src_ip        IPv6 CODEC(ZSTD(1)),
    model_id      LowCardinality(String) CODEC(ZSTD(1)),
    requests      UInt64 CODEC(T64, ZSTD(1)),
    score         Float32 COMMENT '0 to 1, higher is more bot-like' CODEC(ZSTD(1)),
    p_value       Float32 COMMENT 'Expected share of people scored at least so high' CODEC(ZSTD(1)),
    base          Float32 COMMENT 'base + contributions = score' CODEC(ZSTD(1)),
    traffic_class Enum8('human' = 1, 'verified' = 2, 'likely' = 3, 'anomalous' = 4) COMMENT 'Class the dashboard colours by' CODEC(ZSTD(1)),
    alert         Bool CODEC(ZSTD(1)),
    severity      LowCardinality(String) COMMENT 'Empty without an alert' CODEC(ZSTD(1)),
    rules         Array(LowCardinality(String)) CODEC(ZSTD(1)),
    features      Array(Float32) COMMENT 'In the order of models.feature_names' CODEC(ZSTD(1)),
    contributions Array(Float32) COMMENT 'Signed, same order' CODEC(ZSTD(1)),
    scored_at     DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX ix_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{replicated:ReplacingMergeTree(scored_at)}}
PARTITION BY toDate(window_start)
ORDER BY (window_start, http_host, ja4, src_ip)
TTL window_start + INTERVAL {{raw_days}} DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Every window scored; the newest row of a window holds';

CREATE TABLE IF NOT EXISTS {{db}}.detections {{on_cluster}}
(
    id          String COMMENT 'D- and eight characters',
    first_seen  DateTime64(6, 'UTC'),
    last_seen   DateTime64(6, 'UTC'),
    src_ip      IPv6,
    ja4         LowCardinality(String),
    http_host   LowCardinality(String),
    severity    Enum8('low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4),
    score       Float32,
    p_value     Float32,
    base        Float32,
    title       String CODEC(ZSTD(3)),
    summary     String CODEC(ZSTD(3)),
    tags        Array(LowCardinality(String)),
    reasons     String COMMENT 'JSON array of Reason (lib/events.ts)' CODEC(ZSTD(3)),
    rules       String COMMENT 'JSON array of RuleHit (lib/events.ts)' CODEC(ZSTD(3)),
    requests    UInt64,
    windows     UInt32,
    user_agent  String CODEC(ZSTD(3)),
    asn         UInt32,
    country     LowCardinality(String),
    campaign_id LowCardinality(String) COMMENT 'Empty if none',
    model_id    LowCardinality(String),
    rev         UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds',
    INDEX ix_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{replicated:ReplacingMergeTree(rev)}}
ORDER BY id
TTL toDateTime(last_seen) + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What analysts are shown; written by detect alone';

CREATE TABLE IF NOT EXISTS {{db}}.campaigns {{on_cluster}}
(
    id          String COMMENT 'C- and a number',
    first_seen  DateTime64(6, 'UTC'),
    last_seen   DateTime64(6, 'UTC'),
    severity    Enum8('low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4),
    title       String CODEC(ZSTD(3)),
    shared      String COMMENT 'JSON object: what its members have in common' CODEC(ZSTD(3)),
    addresses   UInt32,
    requests    UInt64,
    detections  Array(String) COMMENT 'Their ids',
    rev         UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev)}}
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Detections that act as one';
