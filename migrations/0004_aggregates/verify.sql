SELECT throwIf(count() != 1, 'mv_entity_5m is missing') FROM system.tables WHERE database = '{{db}}' AND name = 'mv_entity_5m' AND engine = 'MaterializedView';
SELECT throwIf(count() != 1, 'entity_5m has other keys') FROM system.tables WHERE database = '{{db}}' AND name = '{{local:entity_5m}}' AND sorting_key = 'bucket, http_host, ja4, src_ip';
