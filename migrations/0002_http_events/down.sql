DROP TABLE IF EXISTS {{db}}.ja4_catalog {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.{{local:http_events}} {{on_cluster}} SYNC;
