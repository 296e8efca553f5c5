CREATE TABLE IF NOT EXISTS ja4.triage_events ON CLUSTER 'main'
(
    ts           DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When',
    detection_id String COMMENT 'Which detection',
    actor        LowCardinality(String) COMMENT 'Login of the analyst, or rule:NAME',
    state        LowCardinality(String) COMMENT 'open, acknowledged, archived or escalated; empty if unchanged',
    verdict      LowCardinality(String) COMMENT 'none, true_positive, false_positive or benign_bot; empty if unchanged',
    assignee     LowCardinality(String) COMMENT 'Empty if unchanged; - for nobody',
    note         String COMMENT 'Free text of the analyst' CODEC(ZSTD(3))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
ORDER BY (detection_id, ts)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Append-only: what people said of detections';

CREATE VIEW IF NOT EXISTS ja4.triage_current ON CLUSTER 'main' AS
SELECT
    detection_id,
    argMaxIf(e.state, e.ts, e.state != '') AS state,
    argMaxIf(e.verdict, e.ts, e.verdict != '') AS verdict,
    argMaxIf(e.assignee, e.ts, e.assignee != '') AS assignee,
    maxIf(e.ts, e.state != '') AS state_ts,
    countIf(e.note != '') AS notes
FROM ja4.triage_events AS e
GROUP BY detection_id;

CREATE VIEW IF NOT EXISTS ja4.detections_current ON CLUSTER 'main' AS
SELECT
    d.*,
    if(t.state = '', 'open', t.state) AS state,
    if(t.verdict = '', 'none', t.verdict) AS verdict,
    if(t.assignee = '-', '', t.assignee) AS assignee,
    t.state_ts AS state_ts,
    t.notes AS notes
FROM (SELECT * FROM ja4.detections FINAL) AS d
LEFT JOIN ja4.triage_current AS t ON t.detection_id = d.id;

CREATE TABLE IF NOT EXISTS ja4.list_entries ON CLUSTER 'main'
(
    list       LowCardinality(String) COMMENT 'allow, deny or watch',
    kind       LowCardinality(String) COMMENT 'ip, network, ja4 or http_host',
    value      String COMMENT 'Address, network in CIDR, JA4 or host name',
    reason     String COMMENT 'Why, in words of the analyst' CODEC(ZSTD(3)),
    actor      LowCardinality(String) COMMENT 'Login of who made it',
    expires_at DateTime('UTC') DEFAULT toDateTime('2100-01-01 00:00:00', 'UTC') COMMENT 'When it stops to count',
    deleted    UInt8 DEFAULT 0 COMMENT '1: the entry was removed',
    rev        UInt64 COMMENT 'Microseconds of the write; the newest row of an entry holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY (list, kind, value)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Allow, deny and watch lists';

CREATE TABLE IF NOT EXISTS ja4.triage_rules ON CLUSTER 'main'
(
    id         String COMMENT 'Identifier',
    name       String COMMENT 'Name that people gave it',
    filter     String COMMENT 'JSON',
    action     LowCardinality(String) COMMENT 'archive, escalate or tag',
    enabled    Bool COMMENT 'Whether it is in force',
    actor      LowCardinality(String) COMMENT 'Login of who wrote it',
    deleted    UInt8 DEFAULT 0 COMMENT '1: the rule was removed',
    rev        UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What is done to detections without a person';

-- down
DROP TABLE IF EXISTS ja4.triage_rules ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.list_entries ON CLUSTER 'main' SYNC;

DROP VIEW IF EXISTS ja4.detections_current ON CLUSTER 'main' SYNC;

DROP VIEW IF EXISTS ja4.triage_current ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.triage_events ON CLUSTER 'main' SYNC;
