DROP VIEW IF EXISTS {{db}}.mv_clients_1h {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.clients_1h {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.mv_requests_1m {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.requests_1m {{on_cluster}} SYNC;
