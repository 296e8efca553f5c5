DROP TABLE IF EXISTS {{db}}.audit_log {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.saved_views {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.app_tokens {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.app_sessions {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.app_users {{on_cluster}} SYNC;
