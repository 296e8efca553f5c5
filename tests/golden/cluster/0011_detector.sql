ALTER TABLE ja4.scores ON CLUSTER 'main'
    ADD COLUMN IF NOT EXISTS model LowCardinality(String) COMMENT 'complete, applicative, declared, app, or empty where rules alone speak' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS rules_simulated Array(LowCardinality(String)) COMMENT 'Rules that would have hit, were they not on trial' CODEC(ZSTD(1));

ALTER TABLE ja4.detections ON CLUSTER 'main'
    ADD COLUMN IF NOT EXISTS model LowCardinality(String) COMMENT 'complete, applicative, declared, app, or empty where rules alone speak',
    ADD COLUMN IF NOT EXISTS examples String COMMENT 'JSON array of up to three of its requests: event_id, ts, method, path, status' CODEC(ZSTD(3));

ALTER TABLE ja4.campaigns ON CLUSTER 'main'
    ADD COLUMN IF NOT EXISTS stats String COMMENT 'JSON object: networks, excess, homogeneity, first_hour_share, requests_an_hour' CODEC(ZSTD(3));

CREATE TABLE IF NOT EXISTS ja4.detector_cycles ON CLUSTER 'main'
(
    instance    LowCardinality(String) COMMENT 'Which detector',
    stored_upto DateTime('UTC') COMMENT 'Events stored before this, by the clock of the database, are scored',
    lists_rev   UInt64 COMMENT 'Newest entry of the lists and verdicts that was honoured',
    started_at  DateTime64(6, 'UTC') COMMENT 'Start of the cycle',
    seconds     Float32 COMMENT 'How long it took',
    windows     UInt32 COMMENT 'Windows it scored',
    detections  UInt32 COMMENT 'Detections it wrote',
    model_id    LowCardinality(String) COMMENT 'Model that was in force',
    rev         UInt64 COMMENT 'Microseconds of the write'
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(started_at)
ORDER BY (instance, rev)
TTL toDateTime(started_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Cycles that ended well: written last, so that a cycle that was cut off is done again';

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

CREATE TABLE IF NOT EXISTS ja4.model_states ON CLUSTER 'main'
(
    model_id String COMMENT 'The model',
    state    LowCardinality(String) COMMENT 'shadow, active, retired or rejected',
    actor    LowCardinality(String) COMMENT 'Who did it; detector for itself',
    reason   String COMMENT 'Why, for a person' CODEC(ZSTD(3)),
    gate     String COMMENT 'JSON: figures of the gate' CODEC(ZSTD(3)),
    rev      UInt64 COMMENT 'Microseconds of the write; the newest row of a model holds'
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
ORDER BY (model_id, rev)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Append-only: what became of each model and why';

CREATE TABLE IF NOT EXISTS ja4.model_drift ON CLUSTER 'main'
(
    day      Date COMMENT 'Day that was compared with the reference',
    feature  LowCardinality(String) COMMENT 'Name',
    model_id LowCardinality(String) COMMENT 'Whose reference',
    psi      Float32 COMMENT 'Population stability index over deciles: from 0.1 worth a look, from 0.25 learn anew',
    ks       Float32 COMMENT 'Largest distance of the two distributions',
    windows  UInt32 COMMENT 'Windows of people of that day',
    rev      UInt64 COMMENT 'Microseconds of the write; the newest row of a day and feature holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
PARTITION BY toYYYYMM(day)
ORDER BY (day, feature)
TTL day + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'How far people have moved from the reference, a day and feature';

CREATE TABLE IF NOT EXISTS ja4.browser_releases ON CLUSTER 'main'
(
    ja4        String COMMENT 'A new JA4',
    ua_family  LowCardinality(String) COMMENT 'Browser that came with it',
    ua_version UInt16 COMMENT 'Its version',
    first_seen DateTime64(6, 'UTC') COMMENT 'First request',
    networks   UInt32 COMMENT 'Networks it was seen from when it was recognised',
    note       String COMMENT 'For a person' CODEC(ZSTD(3)),
    rev        UInt64 COMMENT 'Microseconds of the write; the newest row of a JA4 and browser holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
ORDER BY (ja4, ua_family)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'New JA4s that turned out to be releases of browsers';

CREATE TABLE IF NOT EXISTS ja4.bot_names ON CLUSTER 'main'
(
    src_ip     IPv6 COMMENT 'Address that claims to be a bot',
    bot        LowCardinality(String) COMMENT 'Which',
    standing   LowCardinality(String) COMMENT 'verified or false',
    name       String COMMENT 'Reverse name' CODEC(ZSTD(3)),
    expires_at DateTime('UTC') COMMENT 'Asked again after this',
    rev        UInt64 COMMENT 'Microseconds of the write; the newest row of an address and bot holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
ORDER BY (src_ip, bot)
TTL expires_at + INTERVAL 7 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What the forward-confirmed reverse names of self-declared bots said';

CREATE TABLE IF NOT EXISTS ja4.alerts ON CLUSTER 'main'
(
    id          String COMMENT 'A- and eight characters, of the key',
    subject     String COMMENT 'Address, or id of a campaign',
    http_host   LowCardinality(String) COMMENT 'Host',
    kind        LowCardinality(String) COMMENT 'Rule that weighs most, or model',
    state       LowCardinality(String) COMMENT 'open, or closed after 24 quiet hours',
    severity    Enum8('low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4) COMMENT 'Highest while open',
    title       String COMMENT 'Of the newest detection' CODEC(ZSTD(3)),
    summary     String COMMENT 'Of the newest detection' CODEC(ZSTD(3)),
    detections  Array(String) COMMENT 'Detections it stands for, up to a hundred',
    opened_at   DateTime64(6, 'UTC') COMMENT 'When it was opened',
    last_seen   DateTime64(6, 'UTC') COMMENT 'Last request',
    notified_at DateTime64(6, 'UTC') COMMENT 'Last notification',
    notified    UInt32 COMMENT 'Notifications since it was opened',
    recurrence  UInt32 COMMENT 'Times it was opened within 30 days',
    past_opens  Array(DateTime64(6, 'UTC')) COMMENT 'Those times',
    rev         UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
ORDER BY id
TTL toDateTime(last_seen) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What people are told of: one row a subject, host and kind';

CREATE TABLE IF NOT EXISTS ja4.alert_deliveries ON CLUSTER 'main'
(
    id        String COMMENT 'Of the notification: alert and number; the receiver knows repetitions by it',
    output    LowCardinality(String) COMMENT 'webhook, syslog or file',
    alert_id  String COMMENT 'The alert',
    body      String COMMENT 'What is sent' CODEC(ZSTD(3)),
    state     LowCardinality(String) COMMENT 'waiting, delivered or given_up',
    attempts  UInt16 COMMENT 'So far',
    next_at   DateTime64(6, 'UTC') COMMENT 'Next attempt',
    error     String COMMENT 'Of the last attempt' CODEC(ZSTD(3)),
    created_at DateTime64(6, 'UTC') COMMENT 'When it was due first',
    rev       UInt64 COMMENT 'Microseconds of the write; the newest row of a notification and output holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
ORDER BY (output, id)
TTL toDateTime(created_at) + INTERVAL 90 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Notifications and what became of them: none is lost by a restart';

CREATE TABLE IF NOT EXISTS ja4.retro_runs ON CLUSTER 'main'
(
    id        String COMMENT 'R- and eight characters',
    ts        DateTime64(6, 'UTC') COMMENT 'When it was run',
    day       Date COMMENT 'Day that was scored again',
    candidate String COMMENT 'JSON: what was tried' CODEC(ZSTD(3)),
    summary   String COMMENT 'JSON: counts' CODEC(ZSTD(3)),
    diff      String COMMENT 'JSON array: alerts that appear, vanish or change, up to a thousand' CODEC(ZSTD(3))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')
ORDER BY (ts, id)
TTL toDateTime(ts) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Past days scored again with a candidate model or rule';

CREATE VIEW IF NOT EXISTS ja4.threshold_preview ON CLUSTER 'main' AS
SELECT
    rate,
    uniqExactIf((src_ip, ja4, http_host), p_value < rate OR ruled) AS clients,
    uniqExactIf((src_ip, ja4, http_host), p_value < rate) AS clients_by_model,
    uniqExactIf((src_ip, ja4, http_host), ruled) AS clients_by_rules,
    countIf(p_value < rate OR ruled) AS windows,
    count() AS windows_all,
    rate * count() AS false_windows_expected
FROM (
    SELECT src_ip, ja4, http_host, p_value, notEmpty(rules) AS ruled
    FROM ja4.scores FINAL
    WHERE window_start >= {from:DateTime('UTC')} AND window_start < {to:DateTime('UTC')}
) AS scored
ARRAY JOIN [0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 0.00001] AS rate
GROUP BY rate
ORDER BY rate DESC;

-- down
DROP VIEW IF EXISTS ja4.threshold_preview ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.retro_runs ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.alert_deliveries ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.alerts ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.bot_names ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.browser_releases ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.model_drift ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.model_states ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.review_queue ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.labels ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.detector_settings ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.detector_cycles ON CLUSTER 'main' SYNC;

ALTER TABLE ja4.campaigns ON CLUSTER 'main' DROP COLUMN IF EXISTS stats;

ALTER TABLE ja4.detections ON CLUSTER 'main' DROP COLUMN IF EXISTS examples, DROP COLUMN IF EXISTS model;

ALTER TABLE ja4.scores ON CLUSTER 'main' DROP COLUMN IF EXISTS rules_simulated, DROP COLUMN IF EXISTS model;
