CREATE DATABASE IF NOT EXISTS ja4 ON CLUSTER 'main';

CREATE TABLE IF NOT EXISTS ja4.schema_migrations ON CLUSTER 'main'
(
    version      UInt32 COMMENT 'Number of the migration folder',
    name         LowCardinality(String) COMMENT 'Name of the migration folder, without the number',
    event        Enum8('started' = 1, 'applied' = 2, 'verified' = 3, 'failed' = 4, 'reverted' = 5) COMMENT 'What happened; the newest row of a version is its state',
    checksum     FixedString(64) COMMENT 'Hex SHA-256 of up, down and verify before substitution',
    at           DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When',
    duration_ms  UInt32 DEFAULT 0 COMMENT 'How long it took',
    statements   UInt16 DEFAULT 0 COMMENT 'Statements done so far: a failed migration resumes after them',
    app_version  LowCardinality(String) DEFAULT '' COMMENT 'Version of ja4-platform that did it',
    engine       LowCardinality(String) DEFAULT version() COMMENT 'Version of ClickHouse',
    actor        LowCardinality(String) DEFAULT currentUser() COMMENT 'ClickHouse user',
    host         LowCardinality(String) DEFAULT hostName() COMMENT 'Server that took the row',
    error        String DEFAULT '' COMMENT 'Message of a failure'
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
ORDER BY (version, at)
COMMENT 'Append-only ledger of schema changes';

-- down
DROP TABLE IF EXISTS ja4.schema_migrations ON CLUSTER 'main' SYNC;
