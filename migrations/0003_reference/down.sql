{{drop_distributed:http_events}};

ALTER TABLE {{db}}.{{local:http_events}} {{on_cluster}}
    MODIFY COLUMN asn DEFAULT 0,
    MODIFY COLUMN as_org DEFAULT '',
    MODIFY COLUMN country DEFAULT '',
    MODIFY COLUMN network_kind DEFAULT '',
    MODIFY COLUMN ip_reputation DEFAULT 0,
    MODIFY COLUMN ja4_client DEFAULT '',
    MODIFY COLUMN bot_name DEFAULT '';

DROP DICTIONARY IF EXISTS {{db}}.dict_bots {{on_cluster}} SYNC;
DROP DICTIONARY IF EXISTS {{db}}.dict_ja4 {{on_cluster}} SYNC;
DROP DICTIONARY IF EXISTS {{db}}.dict_reputation {{on_cluster}} SYNC;
DROP DICTIONARY IF EXISTS {{db}}.dict_network_kinds {{on_cluster}} SYNC;
DROP DICTIONARY IF EXISTS {{db}}.dict_countries {{on_cluster}} SYNC;
DROP DICTIONARY IF EXISTS {{db}}.dict_networks {{on_cluster}} SYNC;

DROP TABLE IF EXISTS {{db}}.ref_bots {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.ref_ja4 {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.ref_reputation {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.ref_networks {{on_cluster}} SYNC;
