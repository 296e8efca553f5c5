SELECT throwIf(count() != 2, 'a view of the rollups is missing') FROM system.tables WHERE database = '{{db}}' AND name IN ('mv_requests_1m', 'mv_clients_1h') AND engine = 'MaterializedView';
SELECT throwIf(count() != 2, 'a table of the rollups is missing') FROM system.tables WHERE database = '{{db}}' AND name IN ('requests_1m', 'clients_1h') AND engine LIKE '%AggregatingMergeTree';
