CREATE TABLE IF NOT EXISTS {{db}}.{{local:requests_1m}} {{on_cluster}}
(
    minute         DateTime('UTC') COMMENT 'Start of the minute' CODEC(DoubleDelta, ZSTD(1)),
    http_host      LowCardinality(String) COMMENT 'Host header' CODEC(ZSTD(1)),
    http_method    LowCardinality(String) COMMENT 'Method' CODEC(ZSTD(1)),
    status_class   UInt8 COMMENT '0 for a handshake without request' CODEC(ZSTD(1)),
    match          Enum8('conn' = 1, 'window' = 2, 'none' = 3, 'tls_only' = 4) COMMENT 'How the request found its handshake' CODEC(ZSTD(1)),
    events         SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests, and handshakes without one' CODEC(T64, ZSTD(1)),
    response_bytes SimpleAggregateFunction(sum, UInt64) COMMENT 'Bodies of the answers, bytes' CODEC(T64, ZSTD(1))
)
ENGINE = {{replicated:AggregatingMergeTree}}
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, http_host, http_method, status_class, match)
TTL minute + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Requests a minute';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{db}}.mv_requests_1m {{on_cluster}} TO {{db}}.{{local:requests_1m}} AS
SELECT
    toStartOfMinute(ts) AS minute, http_host, http_method,
    toUInt8(intDiv(status_code, 100)) AS status_class, match,
    count() AS events,
    sum(e.response_bytes) AS response_bytes
FROM {{db}}.{{local:http_events}} AS e
GROUP BY minute, http_host, http_method, status_class, match;

CREATE TABLE IF NOT EXISTS {{db}}.{{local:clients_1h}} {{on_cluster}}
(
    hour       DateTime('UTC') COMMENT 'Start of the hour' CODEC(DoubleDelta, ZSTD(1)),
    ja4        LowCardinality(String) COMMENT 'JA4, empty without a handshake' CODEC(ZSTD(1)),
    user_agent LowCardinality(String) COMMENT 'User-Agent' CODEC(ZSTD(1)),
    events     SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests, and handshakes without one' CODEC(T64, ZSTD(1)),
    addresses  AggregateFunction(uniqCombined(12), IPv6) COMMENT 'Distinct src_ip, as a sketch' CODEC(ZSTD(1)),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')) COMMENT 'First of them',
    last_seen  SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'Last of them'
)
ENGINE = {{replicated:AggregatingMergeTree}}
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, ja4, user_agent)
TTL hour + INTERVAL {{agg_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Which User-Agents come with which JA4';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{db}}.mv_clients_1h {{on_cluster}} TO {{db}}.{{local:clients_1h}} AS
SELECT
    toStartOfHour(ts) AS hour, ja4, user_agent,
    count() AS events,
    uniqCombinedState(12)(src_ip) AS addresses,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM {{db}}.{{local:http_events}} AS e
GROUP BY hour, ja4, user_agent;

{{distributed:requests_1m, rand()}};

{{distributed:clients_1h, rand()}};
