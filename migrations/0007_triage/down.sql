DROP TABLE IF EXISTS {{db}}.review_queue {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.labels {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.detector_settings {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.triage_rules {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.list_entries {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.detections_current {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.triage_current {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.triage_events {{on_cluster}} SYNC;
