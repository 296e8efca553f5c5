-- Each source is a partition: loading it again replaces the partition in one step, or nothing.
CREATE TABLE IF NOT EXISTS {{db}}.ref_networks {{on_cluster}}
(
    prefix    String COMMENT 'CIDR',
    asn       UInt32 COMMENT 'Autonomous system; 0 if this row does not tell',
    as_org    String COMMENT 'Holder of the autonomous system',
    country   LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; empty if this row does not tell',
    kind      LowCardinality(String) COMMENT 'isp, hosting, mobile, edu, tor, vpn, private, loopback or documentation; empty if this row does not tell',
    source    LowCardinality(String) DEFAULT 'shipped' COMMENT 'Where it is from; what is loaded again under a name replaces it',
    loaded_at DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = {{replicated_global:ReplacingMergeTree(loaded_at)}}
PARTITION BY source
ORDER BY (prefix, source)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Autonomous system and country of networks';

CREATE TABLE IF NOT EXISTS {{db}}.ref_reputation {{on_cluster}}
(
    prefix     String COMMENT 'CIDR',
    score      UInt8 COMMENT '0 unknown to 100 bad',
    source     LowCardinality(String) COMMENT 'Name of the list; what is loaded again under a name replaces it',
    expires_at DateTime COMMENT 'When the row stops to count',
    loaded_at  DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = {{replicated_global:ReplacingMergeTree(loaded_at)}}
PARTITION BY source
ORDER BY (prefix, source)
TTL expires_at DELETE
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Address reputation lists';

CREATE TABLE IF NOT EXISTS {{db}}.ref_ja4 {{on_cluster}}
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
ENGINE = {{replicated_global:ReplacingMergeTree(loaded_at)}}
PARTITION BY source
ORDER BY (ja4, source)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Clients known by their JA4';

CREATE TABLE IF NOT EXISTS {{db}}.ref_bots {{on_cluster}}
(
    prefix    String COMMENT 'CIDR the operator publishes',
    name      LowCardinality(String) COMMENT 'Name of the bot',
    operator  LowCardinality(String) COMMENT 'Who runs it',
    ua_token  String COMMENT 'What its User-Agent holds',
    source    LowCardinality(String) DEFAULT 'shipped' COMMENT 'Where it is from; what is loaded again under a name replaces it',
    loaded_at DateTime DEFAULT now() COMMENT 'When it was loaded'
)
ENGINE = {{replicated_global:ReplacingMergeTree(loaded_at)}}
PARTITION BY source
ORDER BY (name, prefix, source)
SETTINGS non_replicated_deduplication_window = 100
COMMENT 'Networks of bots whose operators publish them';

-- Where two sources know the same prefix, what was loaded later holds, and what ships with the program comes last.
CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_networks {{on_cluster}}
(prefix String, asn UInt32 DEFAULT 0, as_org String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.asn, (source != \'shipped\', loaded_at)) AS asn, argMax(r.as_org, (source != \'shipped\', loaded_at)) AS as_org FROM {{db}}.ref_networks AS r WHERE r.asn != 0 OR r.as_org != \'\' GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_countries {{on_cluster}}
(prefix String, country String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.country, (source != \'shipped\', loaded_at)) AS country FROM {{db}}.ref_networks AS r WHERE r.country != \'\' GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_network_kinds {{on_cluster}}
(prefix String, kind String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.kind, (source != \'shipped\', loaded_at)) AS kind FROM {{db}}.ref_networks AS r WHERE r.kind != \'\' GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_reputation {{on_cluster}}
(prefix String, score UInt8 DEFAULT 0)
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, max(r.score) AS score FROM {{db}}.ref_reputation AS r WHERE expires_at > now() GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_ja4 {{on_cluster}}
(ja4 String, client String DEFAULT '', label String DEFAULT '', kind String DEFAULT '')
PRIMARY KEY ja4
SOURCE(CLICKHOUSE(QUERY 'SELECT ja4, argMax(r.client, (source != \'shipped\', loaded_at)) AS client, argMax(r.label, (source != \'shipped\', loaded_at)) AS label, argMax(r.kind, (source != \'shipped\', loaded_at)) AS kind FROM {{db}}.ref_ja4 AS r GROUP BY ja4'{{dict_auth}}))
LAYOUT(COMPLEX_KEY_HASHED) LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_bots {{on_cluster}}
(prefix String, name String DEFAULT '')
PRIMARY KEY prefix
SOURCE(CLICKHOUSE(QUERY 'SELECT prefix, argMax(r.name, (source != \'shipped\', loaded_at)) AS name FROM {{db}}.ref_bots AS r GROUP BY prefix'{{dict_auth}}))
LAYOUT(IP_TRIE) LIFETIME(MIN 300 MAX 600);

ALTER TABLE {{db}}.{{local:http_events}} {{on_cluster}}
    MODIFY COLUMN asn DEFAULT dictGet('{{db}}.dict_networks', 'asn', client_ip),
    MODIFY COLUMN as_org DEFAULT dictGet('{{db}}.dict_networks', 'as_org', client_ip),
    MODIFY COLUMN country DEFAULT dictGet('{{db}}.dict_countries', 'country', client_ip),
    MODIFY COLUMN network_kind DEFAULT dictGet('{{db}}.dict_network_kinds', 'kind', client_ip),
    MODIFY COLUMN ip_reputation DEFAULT dictGet('{{db}}.dict_reputation', 'score', client_ip),
    MODIFY COLUMN ja4_client DEFAULT dictGet('{{db}}.dict_ja4', 'client', tuple(toString(ja4))),
    MODIFY COLUMN bot_name DEFAULT dictGet('{{db}}.dict_bots', 'name', client_ip);

-- Only now, since it takes the defaults of its columns from the table as it is.
{{distributed:http_events, cityHash64(src_ip)}};
