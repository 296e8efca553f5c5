{{drop_distributed:clients_1h}};
{{drop_distributed:requests_1m}};
DROP VIEW IF EXISTS {{db}}.mv_clients_1h {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.{{local:clients_1h}} {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.mv_requests_1m {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.{{local:requests_1m}} {{on_cluster}} SYNC;
