DROP VIEW IF EXISTS {{db}}.ja4_signals {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.window_facts {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.client_facts {{on_cluster}} SYNC;
DROP DICTIONARY IF EXISTS {{db}}.dict_folds {{on_cluster}} SYNC;
DROP VIEW IF EXISTS {{db}}.ja4_folds {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.learned_pairs {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{db}}.learned_paths {{on_cluster}} SYNC;
