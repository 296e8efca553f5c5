DROP TABLE IF EXISTS {{db}}.ingest_batches {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.pipeline_metrics {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.pipeline_events {{on_cluster}} SYNC;
