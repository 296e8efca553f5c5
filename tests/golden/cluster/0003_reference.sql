CREATE TABLE IF NOT EXISTS ja4.ref_networks ON CLUSTER 'main'
(
    prefix    String COMMENT 'CIDR',
    asn       UInt32 COMMENT 'Autonomous system; 0 if this row does not tell',
    as_org    String COMMENT 'Holder of the autonomous system',
    country   LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; empty if this row does not tell',
    kind      LowCardinality(String) COMMENT 'isp, hosting, mobile, edu, tor, vpn, private, loopback or documentation; empty if this row does not tell',
    source    LowCardinality(String) DEFAULT 'shipped' COMMENT 'Where it is from; what is loaded again under a name replaces it',
    loaded_at DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', loaded_at)
PARTITION BY source
ORDER BY (prefix, source)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Autonomous system and country of networks';

CREATE TABLE IF NOT EXISTS ja4.ref_reputation ON CLUSTER 'main'
(
    prefix     String COMMENT 'CIDR',
    score      UInt8 COMMENT '0 unknown to 100 bad',
    source     LowCardinality(String) COMMENT 'Name of the list; what is loaded again under a name replaces it',
    expires_at DateTime COMMENT 'When the row stops to count',
    loaded_at  DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', loaded_at)
PARTITION BY source
ORDER BY (prefix, source)
TTL expires_at DELETE
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Address reputation lists';

CREATE TABLE IF NOT EXISTS ja4.ref_ja4 ON CLUSTER 'main'
(
    ja4       String COMMENT 'The fingerprint',
    client    LowCardinality(String) COMMENT 'Family: chrome, firefox, safari, go, python, curl, java, ...',
    label     String COMMENT 'Such as "Chrome 133-149"',
    kind      LowCardinality(String) COMMENT 'browser, library, bot or malware',
    resumed   Bool COMMENT 'The form it takes with a pre-shared key',
    origin    LowCardinality(String) COMMENT 'How it is known: captured, computed or published',
    source    LowCardinality(String) DEFAULT 'shipped' COMMENT 'Where it is from; what is loaded again under a name replaces it',
    loaded_at DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', loaded_at)
PARTITION BY source
ORDER BY (ja4, source)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Clients known by their JA4';

CREATE TABLE IF NOT EXISTS ja4.ref_bots ON CLUSTER 'main'
(
    prefix    String COMMENT 'CIDR the operator publishes',
    name      LowCardinality(String) COMMENT 'Name of the bot',
    operator  LowCardinality(String) COMMENT 'Who runs it',
    ua_token  String COMMENT 'What its User-Agent holds',
    source    LowCardinality(String) DEFAULT 'shipped' COMMENT 'Where it is from; what is loaded again under a name replaces it',
    loaded_at DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', loaded_at)
PARTITION BY source
ORDER BY (name, prefix, source)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Networks of bots whose operators publish them';

CREATE DICTIONARY IF NOT EXISTS ja4.dict_networks ON CLUSTER 'main'
(prefix String, asn UInt32 DEFAULT 0, as_org String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.asn, (source != \'shipped\', loaded_at)) AS asn, argMax(r.as_org, (source != \'shipped\', loaded_at)) AS as_org FROM ja4.ref_networks AS r WHERE r.asn != 0 OR r.as_org != \'\' GROUP BY prefix' USER 'ja4' PASSWORD 'a secret'))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS ja4.dict_countries ON CLUSTER 'main'
(prefix String, country String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.country, (source != \'shipped\', loaded_at)) AS country FROM ja4.ref_networks AS r WHERE r.country != \'\' GROUP BY prefix' USER 'ja4' PASSWORD 'a secret'))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS ja4.dict_network_kinds ON CLUSTER 'main'
(prefix String, kind String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.kind, (source != \'shipped\', loaded_at)) AS kind FROM ja4.ref_networks AS r WHERE r.kind != \'\' GROUP BY prefix' USER 'ja4' PASSWORD 'a secret'))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS ja4.dict_reputation ON CLUSTER 'main'
(prefix String, score UInt8 DEFAULT 0)
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, max(r.score) AS score FROM ja4.ref_reputation AS r WHERE expires_at > now() GROUP BY prefix' USER 'ja4' PASSWORD 'a secret'))
LAYOUT(IP_TRIE) LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS ja4.dict_ja4 ON CLUSTER 'main'
(ja4 String, client String DEFAULT '', label String DEFAULT '', kind String DEFAULT '')
PRIMARY KEY ja4
SOURCE(CLICKHOUSE(QUERY 'SELECT ja4, argMax(r.client, (source != \'shipped\', loaded_at)) AS client, argMax(r.label, (source != \'shipped\', loaded_at)) AS label, argMax(r.kind, (source != \'shipped\', loaded_at)) AS kind FROM ja4.ref_ja4 AS r GROUP BY ja4' USER 'ja4' PASSWORD 'a secret'))
LAYOUT(COMPLEX_KEY_HASHED) LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS ja4.dict_bots ON CLUSTER 'main'
(prefix String, name String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.name, (source != \'shipped\', loaded_at)) AS name FROM ja4.ref_bots AS r GROUP BY prefix' USER 'ja4' PASSWORD 'a secret'))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

ALTER TABLE ja4.http_events_local ON CLUSTER 'main'
    MODIFY COLUMN asn DEFAULT dictGet('ja4.dict_networks', 'asn', client_ip),
    MODIFY COLUMN as_org DEFAULT dictGet('ja4.dict_networks', 'as_org', client_ip),
    MODIFY COLUMN country DEFAULT dictGet('ja4.dict_countries', 'country', client_ip),
    MODIFY COLUMN network_kind DEFAULT dictGet('ja4.dict_network_kinds', 'kind', client_ip),
    MODIFY COLUMN ip_reputation DEFAULT dictGet('ja4.dict_reputation', 'score', client_ip),
    MODIFY COLUMN ja4_client DEFAULT dictGet('ja4.dict_ja4', 'client', tuple(toString(ja4))),
    MODIFY COLUMN bot_name DEFAULT dictGet('ja4.dict_bots', 'name', client_ip);

CREATE TABLE IF NOT EXISTS ja4.http_events ON CLUSTER 'main' AS ja4.http_events_local ENGINE = Distributed('main', 'ja4', 'http_events_local', cityHash64(src_ip));

-- down
DROP TABLE IF EXISTS ja4.http_events ON CLUSTER 'main' SYNC;

ALTER TABLE ja4.http_events_local ON CLUSTER 'main'
    MODIFY COLUMN asn DEFAULT 0,
    MODIFY COLUMN as_org DEFAULT '',
    MODIFY COLUMN country DEFAULT '',
    MODIFY COLUMN network_kind DEFAULT '',
    MODIFY COLUMN ip_reputation DEFAULT 0,
    MODIFY COLUMN ja4_client DEFAULT '',
    MODIFY COLUMN bot_name DEFAULT '';

DROP DICTIONARY IF EXISTS ja4.dict_bots ON CLUSTER 'main' SYNC;

DROP DICTIONARY IF EXISTS ja4.dict_ja4 ON CLUSTER 'main' SYNC;

DROP DICTIONARY IF EXISTS ja4.dict_reputation ON CLUSTER 'main' SYNC;

DROP DICTIONARY IF EXISTS ja4.dict_network_kinds ON CLUSTER 'main' SYNC;

DROP DICTIONARY IF EXISTS ja4.dict_countries ON CLUSTER 'main' SYNC;

DROP DICTIONARY IF EXISTS ja4.dict_networks ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.ref_bots ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.ref_ja4 ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.ref_reputation ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.ref_networks ON CLUSTER 'main' SYNC;
