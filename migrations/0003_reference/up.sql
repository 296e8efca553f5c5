CREATE TABLE IF NOT EXISTS {{db}}.ref_networks {{on_cluster}}
(
    prefix    String COMMENT 'CIDR',
    asn       UInt32,
    as_org    String,
    country   LowCardinality(String),
    kind      LowCardinality(String) COMMENT 'isp, hosting, mobile, edu, tor, vpn, private, loopback or documentation',
    loaded_at DateTime DEFAULT now()
)
ENGINE = {{replicated:ReplacingMergeTree(loaded_at)}}
ORDER BY prefix
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Autonomous system and country of networks';

CREATE TABLE IF NOT EXISTS {{db}}.ref_reputation {{on_cluster}}
(
    prefix     String COMMENT 'CIDR',
    score      UInt8 COMMENT '0 unknown to 100 bad',
    source     LowCardinality(String),
    expires_at DateTime,
    loaded_at  DateTime DEFAULT now()
)
ENGINE = {{replicated:ReplacingMergeTree(loaded_at)}}
ORDER BY (prefix, source)
TTL expires_at DELETE
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Address reputation lists';

CREATE TABLE IF NOT EXISTS {{db}}.ref_ja4 {{on_cluster}}
(
    ja4       String,
    client    LowCardinality(String) COMMENT 'Family: chrome, firefox, safari, go, python, curl, java, ...',
    label     String COMMENT 'Such as "Chrome 133-149"',
    kind      LowCardinality(String) COMMENT 'browser, library, bot or malware',
    resumed   Bool COMMENT 'The form it takes with a pre-shared key',
    source    LowCardinality(String),
    loaded_at DateTime DEFAULT now()
)
ENGINE = {{replicated:ReplacingMergeTree(loaded_at)}}
ORDER BY ja4
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Clients known by their JA4';

CREATE TABLE IF NOT EXISTS {{db}}.ref_bots {{on_cluster}}
(
    prefix    String COMMENT 'CIDR the operator publishes',
    name      LowCardinality(String),
    operator  LowCardinality(String),
    ua_token  String COMMENT 'What its User-Agent holds',
    loaded_at DateTime DEFAULT now()
)
ENGINE = {{replicated:ReplacingMergeTree(loaded_at)}}
ORDER BY (name, prefix)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Networks of bots whose operators publish them';

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_networks {{on_cluster}}
(prefix String, asn UInt32 DEFAULT 0, as_org String DEFAULT '', country String DEFAULT '', kind String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, asn, as_org, country, kind FROM {{db}}.ref_networks FINAL'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_reputation {{on_cluster}}
(prefix String, score UInt8 DEFAULT 0)
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, max(score) AS score FROM {{db}}.ref_reputation FINAL WHERE expires_at > now() GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_ja4 {{on_cluster}}
(ja4 String, client String DEFAULT '', label String DEFAULT '', kind String DEFAULT '')
PRIMARY KEY ja4
SOURCE(CLICKHOUSE(QUERY 'SELECT ja4, client, label, kind FROM {{db}}.ref_ja4 FINAL'{{dict_auth}}))
LAYOUT(COMPLEX_KEY_HASHED) LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_bots {{on_cluster}}
(prefix String, name String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, any(name) AS name FROM {{db}}.ref_bots FINAL GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

ALTER TABLE {{db}}.http_events {{on_cluster}}
    MODIFY COLUMN asn DEFAULT dictGet('{{db}}.dict_networks', 'asn', client_ip),
    MODIFY COLUMN as_org DEFAULT dictGet('{{db}}.dict_networks', 'as_org', client_ip),
    MODIFY COLUMN country DEFAULT dictGet('{{db}}.dict_networks', 'country', client_ip),
    MODIFY COLUMN network_kind DEFAULT dictGet('{{db}}.dict_networks', 'kind', client_ip),
    MODIFY COLUMN ip_reputation DEFAULT dictGet('{{db}}.dict_reputation', 'score', client_ip),
    MODIFY COLUMN ja4_client DEFAULT dictGet('{{db}}.dict_ja4', 'client', tuple(toString(ja4))),
    MODIFY COLUMN bot_name DEFAULT dictGet('{{db}}.dict_bots', 'name', client_ip);
