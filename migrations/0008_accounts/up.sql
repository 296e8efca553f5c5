CREATE TABLE IF NOT EXISTS {{db}}.app_users {{on_cluster}}
(
    login         String,
    display_name  String,
    role          Enum8('viewer' = 1, 'analyst' = 2, 'admin' = 3),
    password_hash String COMMENT 'PHC string, argon2id or scrypt; empty if nobody can log in by password',
    disabled      Bool DEFAULT false,
    totp_secret   String DEFAULT '' COMMENT 'Base32; empty without a second factor',
    totp_step     UInt64 DEFAULT 0 COMMENT 'Time step of the last code used: no code counts twice',
    recovery      Array(String) DEFAULT [] COMMENT 'Hex SHA-256 of each recovery code not yet used',
    subject       String DEFAULT '' COMMENT 'Issuer and subject at the OpenID provider, a space between; empty if not from there',
    deleted       UInt8 DEFAULT 0,
    rev           UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev, deleted)}}
ORDER BY login
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'People who may use the dashboard';

CREATE TABLE IF NOT EXISTS {{db}}.app_sessions {{on_cluster}}
(
    token_sha256 FixedString(64) COMMENT 'Hex digest; the token itself is nowhere stored',
    login        String,
    created_at   DateTime('UTC'),
    seen_at      DateTime('UTC'),
    expires_at   DateTime('UTC'),
    src_ip       IPv6,
    user_agent   String,
    deleted      UInt8 DEFAULT 0,
    rev          UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev, deleted)}}
ORDER BY token_sha256
TTL expires_at + INTERVAL 1 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Browser sessions';

CREATE TABLE IF NOT EXISTS {{db}}.app_tokens {{on_cluster}}
(
    id           String,
    name         String DEFAULT '' COMMENT 'What its owner calls it',
    token_sha256 FixedString(64),
    login        String,
    scopes       Array(LowCardinality(String)),
    networks     Array(String) DEFAULT [] COMMENT 'CIDR; from where it may be used, empty: from anywhere',
    created_at   DateTime('UTC') DEFAULT now() COMMENT 'When it was made',
    seen_at      DateTime('UTC') DEFAULT toDateTime(0, 'UTC') COMMENT 'Last use, to the minute; 1970 if never',
    expires_at   DateTime('UTC'),
    one_time     Bool COMMENT 'A login or set-up link: used once',
    deleted      UInt8 DEFAULT 0,
    rev          UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev, deleted)}}
ORDER BY id
TTL expires_at + INTERVAL 30 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'API tokens and one-time logins';

CREATE TABLE IF NOT EXISTS {{db}}.saved_views {{on_cluster}}
(
    id      String,
    login   String COMMENT 'Owner',
    name    String,
    path    String COMMENT 'Page and its parameters, such as /explore?q=status:4xx',
    shared  Bool COMMENT 'Whether others see it',
    deleted UInt8 DEFAULT 0,
    rev     UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev, deleted)}}
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Questions that people keep';

CREATE TABLE IF NOT EXISTS {{db}}.audit_log {{on_cluster}}
(
    ts          DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    request_id  String,
    actor       LowCardinality(String),
    src_ip      IPv6,
    action      LowCardinality(String),
    object_kind LowCardinality(String),
    object      String,
    detail      String COMMENT 'JSON' CODEC(ZSTD(3)),
    ok          Bool
)
ENGINE = {{replicated:MergeTree}}
PARTITION BY toYYYYMM(ts)
ORDER BY ts
TTL toDateTime(ts) + INTERVAL {{audit_days}} DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Append-only: who did what';
