SELECT throwIf(count() != 6, 'a table or view of 0005_features is missing')
FROM system.tables
WHERE database = '{{db}}'
    AND name IN ('learned_paths', 'learned_pairs', 'ja4_folds', 'client_facts', 'window_facts', 'ja4_signals');
SELECT throwIf(count() != 0, 'window_facts gives rows for an empty span')
FROM {{db}}.window_facts(win = 3600, from = '1971-01-01 00:00:00', to = '1971-01-01 00:00:00', cold = 0, every = 1);
SELECT throwIf(count() != 0, 'ja4_signals gives rows for an empty span')
FROM {{db}}.ja4_signals(from = '1971-01-01 00:00:00', to = '1971-01-01 00:00:00');
SELECT throwIf(dictGet('{{db}}.dict_folds', 'folded', tuple('')) != '', 'dict_folds');
