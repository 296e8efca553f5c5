SELECT throwIf(count() != 6, 'a table of triage is missing') FROM system.tables WHERE database = '{{db}}' AND name IN ('triage_events', 'list_entries', 'triage_rules', 'detector_settings', 'labels', 'review_queue') AND engine LIKE '%MergeTree';

-- The views answer.
SELECT state, verdict, assignee, state_ts, notes FROM {{db}}.triage_current LIMIT 0;
SELECT id, src_ip, state, verdict, assignee, state_ts, notes FROM {{db}}.detections_current LIMIT 0;
