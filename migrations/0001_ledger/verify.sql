SELECT throwIf(count() < 12, 'schema_migrations lacks columns') FROM system.columns WHERE database = '{{db}}' AND table = 'schema_migrations';
