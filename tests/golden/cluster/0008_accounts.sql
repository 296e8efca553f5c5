CREATE TABLE IF NOT EXISTS ja4.app_users ON CLUSTER 'main'
(
    login         String COMMENT 'Name to log in with',
    display_name  String COMMENT 'Name that others see',
    role          Enum8('viewer' = 1, 'analyst' = 2, 'admin' = 3) COMMENT 'What the person may do',
    password_hash String COMMENT 'PHC string, argon2id or scrypt; empty if nobody can log in by password',
    disabled      Bool DEFAULT false COMMENT 'Whether the person is shut out',
    totp_secret   String DEFAULT '' COMMENT 'Base32; empty without a second factor',
    totp_step     UInt64 DEFAULT 0 COMMENT 'Time step of the last code used: no code counts twice',
    recovery      Array(String) DEFAULT [] COMMENT 'Hex SHA-256 of each recovery code not yet used',
    subject       String DEFAULT '' COMMENT 'Issuer and subject at the OpenID provider, a space between; empty if not from there',
    deleted       UInt8 DEFAULT 0 COMMENT '1: the account was removed',
    rev           UInt64 COMMENT 'Microseconds of the write; the newest row of a login holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY login
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'People who may use the dashboard';

CREATE TABLE IF NOT EXISTS ja4.app_sessions ON CLUSTER 'main'
(
    token_sha256 FixedString(64) COMMENT 'Hex digest; the token itself is nowhere stored',
    login        String COMMENT 'Whose session',
    created_at   DateTime('UTC') COMMENT 'When it began',
    seen_at      DateTime('UTC') COMMENT 'Last request, to the minute',
    expires_at   DateTime('UTC') COMMENT 'When it ends',
    src_ip       IPv6 COMMENT 'Address it began from',
    user_agent   String COMMENT 'Browser it began with',
    deleted      UInt8 DEFAULT 0 COMMENT '1: it was ended',
    rev          UInt64 COMMENT 'Microseconds of the write; the newest row of a session holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY token_sha256
TTL expires_at + INTERVAL 1 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Browser sessions';

CREATE TABLE IF NOT EXISTS ja4.app_tokens ON CLUSTER 'main'
(
    id           String COMMENT 'Identifier',
    name         String DEFAULT '' COMMENT 'What its owner calls it',
    token_sha256 FixedString(64) COMMENT 'Hex digest; the token itself is nowhere stored',
    login        String COMMENT 'Whose token',
    scopes       Array(LowCardinality(String)) COMMENT 'What may be done with it',
    networks     Array(String) DEFAULT [] COMMENT 'CIDR; from where it may be used, empty: from anywhere',
    created_at   DateTime('UTC') DEFAULT now() COMMENT 'When it was made',
    seen_at      DateTime('UTC') DEFAULT toDateTime(0, 'UTC') COMMENT 'Last use, to the minute; 1970 if never',
    expires_at   DateTime('UTC') COMMENT 'When it ends',
    one_time     Bool COMMENT 'A login or set-up link: used once',
    deleted      UInt8 DEFAULT 0 COMMENT '1: it was revoked or used',
    rev          UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY id
TTL expires_at + INTERVAL 30 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'API tokens and one-time logins';

CREATE TABLE IF NOT EXISTS ja4.saved_views ON CLUSTER 'main'
(
    id      String COMMENT 'Identifier',
    login   String COMMENT 'Owner',
    name    String COMMENT 'What its owner calls it',
    path    String COMMENT 'Page and its parameters, such as /explore?q=status:4xx',
    shared  Bool COMMENT 'Whether others see it',
    deleted UInt8 DEFAULT 0 COMMENT '1: it was removed',
    rev     UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Questions that people keep';

CREATE TABLE IF NOT EXISTS ja4.audit_log ON CLUSTER 'main'
(
    ts          DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When',
    request_id  String COMMENT 'Request of the dashboard',
    actor       LowCardinality(String) COMMENT 'Login, or what acted',
    src_ip      IPv6 COMMENT 'Where the request came from',
    action      LowCardinality(String) COMMENT 'What was done',
    object_kind LowCardinality(String) COMMENT 'Kind of what it was done to',
    object      String COMMENT 'What it was done to',
    detail      String COMMENT 'JSON' CODEC(ZSTD(3)),
    ok          Bool COMMENT 'Whether it was allowed and succeeded'
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(ts)
ORDER BY ts
TTL toDateTime(ts) + INTERVAL 1095 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Append-only: who did what';

-- down
DROP TABLE IF EXISTS ja4.audit_log ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.saved_views ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.app_tokens ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.app_sessions ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.app_users ON CLUSTER 'main' SYNC;
