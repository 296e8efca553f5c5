DROP TABLE IF EXISTS {{db}}.campaigns {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.detections {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.scores {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.models {{on_cluster}} SYNC;
