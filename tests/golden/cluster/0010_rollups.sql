CREATE TABLE IF NOT EXISTS ja4.requests_1m_local ON CLUSTER 'main'
(
    minute         DateTime('UTC') COMMENT 'Start of the minute' CODEC(DoubleDelta, ZSTD(1)),
    http_host      LowCardinality(String) COMMENT 'Host header' CODEC(ZSTD(1)),
    http_method    LowCardinality(String) COMMENT 'Method' CODEC(ZSTD(1)),
    status_class   UInt8 COMMENT '0 for a handshake without request' CODEC(ZSTD(1)),
    match          Enum8('conn' = 1, 'window' = 2, 'none' = 3, 'tls_only' = 4) COMMENT 'How the request found its handshake' CODEC(ZSTD(1)),
    events         SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests, and handshakes without one' CODEC(T64, ZSTD(1)),
    response_bytes SimpleAggregateFunction(sum, UInt64) COMMENT 'Bodies of the answers, bytes' CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, http_host, http_method, status_class, match)
TTL minute + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Requests a minute';

CREATE MATERIALIZED VIEW IF NOT EXISTS ja4.mv_requests_1m ON CLUSTER 'main' TO ja4.requests_1m_local AS
SELECT
    toStartOfMinute(ts) AS minute, http_host, http_method,
    toUInt8(intDiv(status_code, 100)) AS status_class, match,
    count() AS events,
    sum(e.response_bytes) AS response_bytes
FROM ja4.http_events_local AS e
GROUP BY minute, http_host, http_method, status_class, match;

CREATE TABLE IF NOT EXISTS ja4.clients_1h_local ON CLUSTER 'main'
(
    hour       DateTime('UTC') COMMENT 'Start of the hour' CODEC(DoubleDelta, ZSTD(1)),
    ja4        LowCardinality(String) COMMENT 'JA4, empty without a handshake' CODEC(ZSTD(1)),
    user_agent LowCardinality(String) COMMENT 'User-Agent' CODEC(ZSTD(1)),
    events     SimpleAggregateFunction(sum, UInt64) COMMENT 'Requests, and handshakes without one' CODEC(T64, ZSTD(1)),
    addresses  AggregateFunction(uniqCombined(12), IPv6) COMMENT 'Distinct src_ip, as a sketch' CODEC(ZSTD(1)),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')) COMMENT 'First of them',
    last_seen  SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'Last of them'
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, ja4, user_agent)
TTL hour + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Which User-Agents come with which JA4';

CREATE MATERIALIZED VIEW IF NOT EXISTS ja4.mv_clients_1h ON CLUSTER 'main' TO ja4.clients_1h_local AS
SELECT
    toStartOfHour(ts) AS hour, ja4, user_agent,
    count() AS events,
    uniqCombinedState(12)(src_ip) AS addresses,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM ja4.http_events_local AS e
GROUP BY hour, ja4, user_agent;

CREATE TABLE IF NOT EXISTS ja4.requests_1m ON CLUSTER 'main' AS ja4.requests_1m_local ENGINE = Distributed('main', 'ja4', 'requests_1m_local', rand());

CREATE TABLE IF NOT EXISTS ja4.clients_1h ON CLUSTER 'main' AS ja4.clients_1h_local ENGINE = Distributed('main', 'ja4', 'clients_1h_local', rand());

-- down
DROP TABLE IF EXISTS ja4.clients_1h ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.requests_1m ON CLUSTER 'main' SYNC;

DROP VIEW IF EXISTS ja4.mv_clients_1h ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.clients_1h_local ON CLUSTER 'main' SYNC;

DROP VIEW IF EXISTS ja4.mv_requests_1m ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.requests_1m_local ON CLUSTER 'main' SYNC;
