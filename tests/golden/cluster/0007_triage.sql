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
    if(t.said_state = '', 'open', t.said_state) AS state,
    if(t.said_verdict = '', 'none', t.said_verdict) AS verdict,
    if(t.said_assignee = '-', '', t.said_assignee) AS assignee,
    t.said_at AS state_ts,
    t.said_notes AS notes
FROM ja4.detections AS d FINAL
LEFT JOIN (
    SELECT
        detection_id,
        argMaxIf(e.state, e.ts, e.state != '') AS said_state,
        argMaxIf(e.verdict, e.ts, e.verdict != '') AS said_verdict,
        argMaxIf(e.assignee, e.ts, e.assignee != '') AS said_assignee,
        maxIf(e.ts, e.state != '') AS said_at,
        countIf(e.note != '') AS said_notes
    FROM ja4.triage_events AS e
    GROUP BY detection_id
) AS t ON t.detection_id = d.id;

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

CREATE TABLE IF NOT EXISTS ja4.detector_settings ON CLUSTER 'main'
(
    name  LowCardinality(String) COMMENT 'alarm_rate, alerts_per_day, or rule:NAME',
    value String COMMENT 'A number; of a rule on, off or simulate',
    actor LowCardinality(String) COMMENT 'Who set it',
    deleted UInt8 DEFAULT 0 COMMENT '1: the configuration file holds again',
    rev   UInt64 COMMENT 'Microseconds of the write; the newest row of a name holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY name
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What analysts set, before the configuration file';

CREATE TABLE IF NOT EXISTS ja4.labels ON CLUSTER 'main'
(
    id           String COMMENT 'L- and eight characters',
    ts           DateTime64(6, 'UTC') COMMENT 'When it was said',
    actor        LowCardinality(String) COMMENT 'Who said it',
    label        LowCardinality(String) COMMENT 'bot, human, good_bot or unsure',
    scope        LowCardinality(String) COMMENT 'window, address, network, ja4 or fingerprint (JA4 with header order)',
    src_ip       IPv6 COMMENT 'Address of the window that was looked at',
    ja4          LowCardinality(String) COMMENT 'Its JA4',
    header_order String COMMENT 'Its header order' CODEC(ZSTD(3)),
    http_host    LowCardinality(String) COMMENT 'Its host',
    window_start DateTime('UTC') COMMENT 'Its start',
    note         String COMMENT 'Free text of the analyst' CODEC(ZSTD(3)),
    expires_at   DateTime('UTC') COMMENT 'It says nothing of traffic after this',
    deleted      UInt8 DEFAULT 0 COMMENT '1: taken back',
    rev          UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev, deleted)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What analysts said of windows; the detector learns weights of it';

CREATE TABLE IF NOT EXISTS ja4.review_queue ON CLUSTER 'main'
(
    batch        UInt64 COMMENT 'Microseconds at which the batch was drawn',
    position     UInt16 COMMENT 'Place in the batch, from 1',
    kind         LowCardinality(String) COMMENT 'top, or uncertain: from ranks of 10 to 35 %',
    group_key    String COMMENT 'Windows of one group get one label' CODEC(ZSTD(3)),
    members      UInt32 COMMENT 'Windows of the group',
    window_start DateTime('UTC') COMMENT 'Start of the window to look at',
    src_ip       IPv6 COMMENT 'Its address',
    ja4          LowCardinality(String) COMMENT 'Its JA4',
    http_host    LowCardinality(String) COMMENT 'Its host',
    score        Float32 COMMENT 'Its score',
    user_agent   String COMMENT 'Its User-Agent' CODEC(ZSTD(3)),
    reasons      Array(LowCardinality(String)) COMMENT 'Features that weigh most in it'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(toDateTime(intDiv(batch, 1000000), 'UTC'))
ORDER BY (batch, position)
TTL toDateTime(intDiv(batch, 1000000), 'UTC') + INTERVAL 30 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Windows to ask analysts about: ten of the top and fifteen uncertain ones at a time';

-- down
DROP TABLE IF EXISTS ja4.review_queue ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.labels ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.detector_settings ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.triage_rules ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.list_entries ON CLUSTER 'main' SYNC;

DROP VIEW IF EXISTS ja4.detections_current ON CLUSTER 'main' SYNC;

DROP VIEW IF EXISTS ja4.triage_current ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.triage_events ON CLUSTER 'main' SYNC;
