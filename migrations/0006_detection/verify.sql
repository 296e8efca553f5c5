SELECT throwIf(count() != 12, 'a table of the detector is missing')
FROM system.tables
WHERE database = '{{db}}'
    AND name IN ('models', 'scores', 'detections', 'campaigns', 'detector_cycles', 'model_states', 'model_drift', 'browser_releases', 'bot_names', 'alerts', 'alert_deliveries', 'retro_runs')
    AND engine LIKE '%MergeTree';
SELECT throwIf(count() != 0, 'threshold_preview gives rows for an empty span')
FROM {{db}}.threshold_preview(from = '1971-01-01 00:00:00', to = '1971-01-01 00:00:00');
