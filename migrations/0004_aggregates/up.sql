CREATE TABLE IF NOT EXISTS {{db}}.{{local:entity_5m}} {{on_cluster}}
(
    bucket         DateTime('UTC') COMMENT 'Start of five minutes' CODEC(DoubleDelta, ZSTD(1)),
    http_host      LowCardinality(String) COMMENT 'Host header' CODEC(ZSTD(1)),
    ja4            LowCardinality(String) COMMENT 'JA4, empty without a handshake' CODEC(ZSTD(1)),
    src_ip         IPv6 COMMENT 'TCP peer' CODEC(ZSTD(1)),
    requests       SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests' CODEC(T64, ZSTD(1)),
    assets         SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests for images, scripts, styles, fonts and films' CODEC(T64, ZSTD(1)),
    posts          SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests with POST, PUT or PATCH' CODEC(T64, ZSTD(1)),
    status_3xx     SimpleAggregateFunction(sum, UInt64) COMMENT 'Answers 300 to 399' CODEC(T64, ZSTD(1)),
    status_4xx     SimpleAggregateFunction(sum, UInt64) COMMENT 'Answers 400 to 499' CODEC(T64, ZSTD(1)),
    status_5xx     SimpleAggregateFunction(sum, UInt64) COMMENT 'Answers of 500 and above' CODEC(T64, ZSTD(1)),
    response_bytes SimpleAggregateFunction(sum, UInt64) COMMENT 'Bodies of the answers, bytes' CODEC(T64, ZSTD(1)),
    handshakes     SimpleAggregateFunction(sum, UInt64) COMMENT 'Connections with a captured ClientHello, with or without requests' CODEC(T64, ZSTD(1)),
    asn            SimpleAggregateFunction(anyLast, UInt32) COMMENT 'Autonomous system seen last' CODEC(ZSTD(1)),
    country        SimpleAggregateFunction(anyLast, LowCardinality(String)) COMMENT 'Country seen last' CODEC(ZSTD(1)),
    bot_name       SimpleAggregateFunction(max, String) COMMENT 'Verified bot, empty if none' CODEC(ZSTD(1))
)
ENGINE = {{replicated:AggregatingMergeTree}}
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, http_host, ja4, src_ip)
TTL bucket + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Counters per client in five-minute buckets';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{db}}.mv_entity_5m {{on_cluster}} TO {{db}}.{{local:entity_5m}} AS
SELECT
    toStartOfFiveMinutes(ts) AS bucket, http_host, ja4, src_ip,
    countIf(match != 'tls_only') AS requests,
    sum(is_asset) AS assets,
    countIf(http_method IN ('POST', 'PUT', 'PATCH')) AS posts,
    countIf(status_code BETWEEN 300 AND 399) AS status_3xx,
    countIf(status_code BETWEEN 400 AND 499) AS status_4xx,
    countIf(status_code >= 500) AS status_5xx,
    sum(e.response_bytes) AS response_bytes,
    countIf(match = 'tls_only' OR (match IN ('conn', 'window') AND req_idx = 0)) AS handshakes,
    anyLast(e.asn) AS asn,
    anyLast(e.country) AS country,
    max(toString(e.bot_name)) AS bot_name
FROM {{db}}.{{local:http_events}} AS e
GROUP BY bucket, http_host, ja4, src_ip;

{{distributed:entity_5m, cityHash64(src_ip)}};
