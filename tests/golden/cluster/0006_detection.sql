CREATE TABLE IF NOT EXISTS ja4.models ON CLUSTER 'main'
(
    model_id      String COMMENT 'Hex digest of what made it; its first 32 bits are the seed',
    trained_at    DateTime64(6, 'UTC') COMMENT 'When it was trained',
    window_s      UInt32 COMMENT 'Length of the windows, seconds',
    train_from    DateTime('UTC') COMMENT 'Start of the traffic it was trained on',
    train_to      DateTime('UTC') COMMENT 'End of that traffic',
    train_rows    UInt64 COMMENT 'Windows it was trained on',
    reference     LowCardinality(String) COMMENT 'What it compares with: anchor, all or prior',
    feature_names Array(LowCardinality(String)) COMMENT 'Names of its features, in their order',
    params        String COMMENT 'JSON' CODEC(ZSTD(3)),
    body          String COMMENT 'The model itself, base64' CODEC(ZSTD(3)),
    metrics       Map(LowCardinality(String), Float64) COMMENT 'Figures of its training by name',
    state         Enum8('shadow' = 1, 'active' = 2, 'retired' = 3) COMMENT 'active: scores are made with it',
    updated_at    DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When the row was written; the newest of a model holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', updated_at)
ORDER BY model_id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Registry of detector models';

CREATE TABLE IF NOT EXISTS ja4.scores ON CLUSTER 'main'
(
    window_start  DateTime('UTC') COMMENT 'Start of the window' CODEC(DoubleDelta, ZSTD(1)),
    window_s      UInt32 COMMENT 'Length of the window, seconds' CODEC(ZSTD(1)),
    http_host     LowCardinality(String) COMMENT 'Host header' CODEC(ZSTD(1)),
    ja4           LowCardinality(String) COMMENT 'JA4, empty without a handshake' CODEC(ZSTD(1)),
    src_ip        IPv6 COMMENT 'TCP peer' CODEC(ZSTD(1)),
    model_id      LowCardinality(String) COMMENT 'Model that scored it' CODEC(ZSTD(1)),
    requests      UInt64 COMMENT 'Requests of the window' CODEC(T64, ZSTD(1)),
    score         Float32 COMMENT '0 to 1, higher is more bot-like' CODEC(ZSTD(1)),
    p_value       Float32 COMMENT 'Expected share of people scored at least so high' CODEC(ZSTD(1)),
    base          Float32 COMMENT 'base + contributions = score' CODEC(ZSTD(1)),
    traffic_class Enum8('human' = 1, 'verified' = 2, 'likely' = 3, 'anomalous' = 4) COMMENT 'Class the dashboard colours by' CODEC(ZSTD(1)),
    alert         Bool COMMENT 'Whether it gave rise to a detection' CODEC(ZSTD(1)),
    severity      LowCardinality(String) COMMENT 'Empty without an alert' CODEC(ZSTD(1)),
    rules         Array(LowCardinality(String)) COMMENT 'Names of the rules that hit' CODEC(ZSTD(1)),
    features      Array(Float32) COMMENT 'In the order of models.feature_names' CODEC(ZSTD(1)),
    contributions Array(Float32) COMMENT 'Signed, same order' CODEC(ZSTD(1)),
    scored_at     DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was scored; the newest row of a window holds' CODEC(Delta(8), ZSTD(1)),
    model         LowCardinality(String) COMMENT 'complete, applicative, declared, app, or empty where rules alone speak' CODEC(ZSTD(1)),
    rules_simulated Array(LowCardinality(String)) COMMENT 'Rules that would have hit, were they not on trial' CODEC(ZSTD(1)),
    INDEX ix_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', scored_at)
PARTITION BY toDate(window_start)
ORDER BY (window_start, http_host, ja4, src_ip)
TTL window_start + INTERVAL 7 DAY TO VOLUME 'cold', window_start + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, storage_policy = 'tiered'
COMMENT 'Every window scored; the newest row of a window holds';

CREATE TABLE IF NOT EXISTS ja4.detections ON CLUSTER 'main'
(
    id          String COMMENT 'D- and eight characters',
    first_seen  DateTime64(6, 'UTC') COMMENT 'First request of its windows',
    last_seen   DateTime64(6, 'UTC') COMMENT 'Last request of its windows',
    src_ip      IPv6 COMMENT 'TCP peer',
    ja4         LowCardinality(String) COMMENT 'JA4, empty without a handshake',
    http_host   LowCardinality(String) COMMENT 'Host header',
    severity    Enum8('low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4) COMMENT 'How much it matters',
    score       Float32 COMMENT 'Highest score of its windows, 0 to 1',
    p_value     Float32 COMMENT 'Expected share of people scored at least so high',
    base        Float32 COMMENT 'base + contributions of the reasons = score',
    title       String COMMENT 'What it is, in a few words' CODEC(ZSTD(3)),
    summary     String COMMENT 'What was seen, in a sentence' CODEC(ZSTD(3)),
    tags        Array(LowCardinality(String)) COMMENT 'Words to filter by',
    reasons     String COMMENT 'JSON array of Reason (lib/events.ts)' CODEC(ZSTD(3)),
    rules       String COMMENT 'JSON array of RuleHit (lib/events.ts)' CODEC(ZSTD(3)),
    requests    UInt64 COMMENT 'Requests of its windows',
    windows     UInt32 COMMENT 'Windows that gave rise to it',
    user_agent  String COMMENT 'User-Agent sent most' CODEC(ZSTD(3)),
    asn         UInt32 COMMENT 'Autonomous system of src_ip',
    country     LowCardinality(String) COMMENT 'Country of src_ip',
    campaign_id LowCardinality(String) COMMENT 'Empty if none',
    model_id    LowCardinality(String) COMMENT 'Model that scored it',
    rev         UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds',
    model       LowCardinality(String) COMMENT 'complete, applicative, declared, app, or empty where rules alone speak',
    examples    String COMMENT 'JSON array of up to three of its requests: event_id, ts, method, path, status' CODEC(ZSTD(3)),
    INDEX ix_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
ORDER BY id
TTL toDateTime(last_seen) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What analysts are shown; written by detect alone';

CREATE TABLE IF NOT EXISTS ja4.campaigns ON CLUSTER 'main'
(
    id          String COMMENT 'C- and a number',
    first_seen  DateTime64(6, 'UTC') COMMENT 'First request of its members',
    last_seen   DateTime64(6, 'UTC') COMMENT 'Last request of its members',
    severity    Enum8('low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4) COMMENT 'Highest of its members',
    title       String COMMENT 'What it is, in a few words' CODEC(ZSTD(3)),
    shared      String COMMENT 'JSON object: what its members have in common' CODEC(ZSTD(3)),
    addresses   UInt32 COMMENT 'Addresses taking part',
    requests    UInt64 COMMENT 'Requests of its members',
    detections  Array(String) COMMENT 'Their ids',
    rev         UInt64 COMMENT 'Microseconds of the write; the newest row of an id holds',
    stats       String COMMENT 'JSON object: networks, excess, homogeneity, first_hour_share, requests_an_hour' CODEC(ZSTD(3))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', rev)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Detections that act as one';

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

DROP TABLE IF EXISTS ja4.detector_cycles ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.campaigns ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.detections ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.scores ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.models ON CLUSTER 'main' SYNC;
