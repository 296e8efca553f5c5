CREATE TABLE IF NOT EXISTS {{db}}.triage_events {{on_cluster}}
(
    ts           DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    detection_id String,
    actor        LowCardinality(String) COMMENT 'Login of the analyst, or rule:NAME',
    state        LowCardinality(String) COMMENT 'open, acknowledged, archived or escalated; empty if unchanged',
    verdict      LowCardinality(String) COMMENT 'none, true_positive, false_positive or benign_bot; empty if unchanged',
    assignee     LowCardinality(String) COMMENT 'Empty if unchanged; - for nobody',
    note         String CODEC(ZSTD(3))
)
ENGINE = {{replicated:MergeTree}}
ORDER BY (detection_id, ts)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Append-only: what people said of detections';

CREATE VIEW IF NOT EXISTS {{db}}.triage_current {{on_cluster}} AS
SELECT
    detection_id,
    argMaxIf(e.state, e.ts, e.state != '') AS state,
    argMaxIf(e.verdict, e.ts, e.verdict != '') AS verdict,
    argMaxIf(e.assignee, e.ts, e.assignee != '') AS assignee,
    maxIf(e.ts, e.state != '') AS state_ts,
    countIf(e.note != '') AS notes
FROM {{db}}.triage_events AS e
GROUP BY detection_id;

CREATE VIEW IF NOT EXISTS {{db}}.detections_current {{on_cluster}} AS
SELECT
    d.*,
    if(t.state = '', 'open', t.state) AS state,
    if(t.verdict = '', 'none', t.verdict) AS verdict,
    if(t.assignee = '-', '', t.assignee) AS assignee,
    t.state_ts AS state_ts,
    t.notes AS notes
FROM (SELECT * FROM {{db}}.detections FINAL) AS d
LEFT JOIN {{db}}.triage_current AS t ON t.detection_id = d.id;

CREATE TABLE IF NOT EXISTS {{db}}.list_entries {{on_cluster}}
(
    list       LowCardinality(String) COMMENT 'allow, deny or watch',
    kind       LowCardinality(String) COMMENT 'ip, network, ja4 or http_host',
    value      String,
    reason     String CODEC(ZSTD(3)),
    actor      LowCardinality(String),
    expires_at DateTime('UTC') DEFAULT toDateTime('2100-01-01 00:00:00', 'UTC'),
    deleted    UInt8 DEFAULT 0,
    rev        UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev, deleted)}}
ORDER BY (list, kind, value)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Allow, deny and watch lists';

CREATE TABLE IF NOT EXISTS {{db}}.triage_rules {{on_cluster}}
(
    id         String,
    name       String,
    filter     String COMMENT 'JSON',
    action     LowCardinality(String) COMMENT 'archive, escalate or tag',
    enabled    Bool,
    actor      LowCardinality(String),
    deleted    UInt8 DEFAULT 0,
    rev        UInt64
)
ENGINE = {{replicated:ReplacingMergeTree(rev, deleted)}}
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What is done to detections without a person';
