CREATE TABLE IF NOT EXISTS ja4.http_events_local ON CLUSTER 'main'
(
    ts                  DateTime64(6, 'UTC') COMMENT 'Start of the request; capture of the ClientHello where match is tls_only' CODEC(Delta(8), ZSTD(1)),
    event_id            UUID COMMENT '32 bits sensor, 32 bits spool epoch, 64 bits sequence' CODEC(ZSTD(1)),
    sensor              LowCardinality(String) COMMENT 'Capturing host' CODEC(ZSTD(1)),
    ingest_ts           DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored' CODEC(DoubleDelta, ZSTD(1)),
    match               Enum8('conn' = 1, 'window' = 2, 'none' = 3, 'tls_only' = 4) COMMENT 'How the request found its handshake' CODEC(ZSTD(1)),
    orphan_reason       LowCardinality(String) COMMENT 'Why there is no handshake, empty if there is' CODEC(ZSTD(1)),
    hello_ts            DateTime64(6, 'UTC') COMMENT 'Capture of the ClientHello, 1970 if none' CODEC(Delta(8), ZSTD(1)),
    match_age_us        Int64 COMMENT 'ts minus hello_ts, microseconds' CODEC(T64, ZSTD(1)),

    src_ip              IPv6 COMMENT 'TCP peer; IPv4 as ::ffff:a.b.c.d' CODEC(ZSTD(1)),
    src_port            UInt16 COMMENT 'Port of src_ip' CODEC(T64, ZSTD(1)),
    dest_ip             IPv6 COMMENT 'Server end of the connection' CODEC(ZSTD(1)),
    dest_port           UInt16 COMMENT 'Port of dest_ip' CODEC(T64, ZSTD(1)),
    client_ip           IPv6 COMMENT 'Claimed by a trusted proxy, else equal to src_ip' CODEC(ZSTD(1)),
    client_ip_source    LowCardinality(String) COMMENT 'Which proxy protocol or header client_ip is from, empty if it is src_ip' CODEC(ZSTD(1)),
    transport           LowCardinality(String) COMMENT 'tcp, quic or dtls; empty without a handshake' CODEC(ZSTD(1)),
    tunnel              LowCardinality(String) COMMENT 'Encapsulations joined by a slash' CODEC(ZSTD(1)),
    community_id        String COMMENT 'Community ID v1 of the flow' CODEC(ZSTD(1)),
    conn                UInt64 COMMENT 'Connection as the web server numbers it' CODEC(ZSTD(1)),
    conn_ts             DateTime64(6, 'UTC') COMMENT 'Accept time' CODEC(Delta(8), ZSTD(1)),
    req_idx             UInt32 COMMENT 'Requests on the connection before this one' CODEC(T64, ZSTD(1)),

    ja4                 LowCardinality(String) COMMENT 'JA4 of the ClientHello, empty without a complete one' CODEC(ZSTD(1)),
    ja4_stable          LowCardinality(String) COMMENT 'Without the extensions that come and go with resumption' CODEC(ZSTD(1)),
    ja3                 LowCardinality(String) COMMENT 'JA3 of the ClientHello, MD5 in hex' CODEC(ZSTD(1)),
    ja3n                LowCardinality(String) COMMENT 'JA3 with sorted extensions, since browsers shuffle them' CODEC(ZSTD(1)),
    sni                 LowCardinality(String) COMMENT 'Host name that the ClientHello asks for; a client wrote it' CODEC(ZSTD(1)),
    client_alpns        LowCardinality(String) COMMENT 'Offered protocols joined by commas' CODEC(ZSTD(1)),
    tls_version_offered LowCardinality(String) COMMENT 'Highest version offered: 1.3, 1.2, 1.1, 1.0, ssl3 or ssl2' CODEC(ZSTD(1)),
    hello_status        LowCardinality(String) COMMENT 'complete, malformed, truncated, gap or sslv2' CODEC(ZSTD(1)),
    hello               UInt8 COMMENT '1 after a HelloRetryRequest' CODEC(ZSTD(1)),
    hello_bytes         UInt32 COMMENT 'Length of the ClientHello message with its header, bytes' CODEC(T64, ZSTD(1)),
    hello_records       UInt16 COMMENT 'TLS records, CRYPTO frames or fragments it arrived in' CODEC(T64, ZSTD(1)),
    hello_segments      UInt16 COMMENT 'TCP segments or UDP datagrams it arrived in' CODEC(T64, ZSTD(1)),
    out_of_order        Bool COMMENT 'Whether these arrived in another order than sent' CODEC(ZSTD(1)),
    preamble            LowCardinality(String) COMMENT 'Clear text before it: proxy_v1, starttls_smtp, ...; empty if none' CODEC(ZSTD(1)),
    grease              Bool COMMENT 'Whether some GREASE value (RFC 8701) was offered' CODEC(ZSTD(1)),
    post_quantum        Bool COMMENT 'Whether a hybrid post-quantum key share was offered' CODEC(ZSTD(1)),
    ech                 Bool COMMENT 'encrypted_client_hello (RFC 9849), real or GREASE' CODEC(ZSTD(1)),
    psk                 Bool COMMENT 'pre_shared_key (RFC 8446, 4.2.11): a resumption is offered' CODEC(ZSTD(1)),
    early_data          Bool COMMENT 'early_data (RFC 8446, 4.2.10)' CODEC(ZSTD(1)),

    ip_ttl              UInt8 COMMENT '0 where the SYN was not seen, as for all fields of the SYN' CODEC(ZSTD(1)),
    ip_df               Bool COMMENT 'Do not fragment, of the SYN' CODEC(ZSTD(1)),
    ip_id               UInt16 COMMENT 'Identification, of the SYN' CODEC(T64, ZSTD(1)),
    tcp_window          UInt16 COMMENT 'Window, of the SYN' CODEC(T64, ZSTD(1)),
    tcp_mss             UInt16 COMMENT 'Maximum segment size option, bytes' CODEC(T64, ZSTD(1)),
    tcp_wscale          UInt8 COMMENT 'Window scale option' CODEC(ZSTD(1)),
    tcp_options         LowCardinality(String) COMMENT 'Option kinds of the SYN in order, 2-4-8-1-3' CODEC(ZSTD(1)),
    tcp_rtt_us          UInt32 COMMENT 'SYN/ACK to ACK' CODEC(T64, ZSTD(1)),
    syn_to_hello_us     UInt32 COMMENT 'SYN to the first packet of the ClientHello, microseconds' CODEC(T64, ZSTD(1)),

    tls_version         LowCardinality(String) COMMENT 'Negotiated, as the server says' CODEC(ZSTD(1)),
    tls_cipher          LowCardinality(String) COMMENT 'Negotiated cipher suite, as the server names it' CODEC(ZSTD(1)),
    tls_resumed         Bool COMMENT 'Whether the server resumed a session' CODEC(ZSTD(1)),
    url_scheme          LowCardinality(String) COMMENT 'http or https' CODEC(ZSTD(1)),
    http_version        LowCardinality(String) COMMENT '1.0, 1.1, 2 or 3' CODEC(ZSTD(1)),
    http_method         LowCardinality(String) COMMENT 'Method as sent' CODEC(ZSTD(1)),
    http_host           LowCardinality(String) COMMENT 'Host header, without port, lower case' CODEC(ZSTD(1)),
    url_path            String COMMENT 'Path as sent, without the query' CODEC(ZSTD(3)),
    url_query           String COMMENT 'Query as sent, without the question mark' CODEC(ZSTD(3)),
    status_code         UInt16 COMMENT '0 where match is tls_only' CODEC(T64, ZSTD(1)),
    request_bytes       UInt64 COMMENT 'Body of the request, bytes' CODEC(T64, ZSTD(1)),
    response_bytes      UInt64 COMMENT 'Body of the answer, bytes' CODEC(T64, ZSTD(1)),
    duration_us         UInt64 COMMENT 'First byte of the request to last byte of the answer, microseconds' CODEC(T64, ZSTD(1)),
    user_agent          LowCardinality(String) COMMENT 'User-Agent header as sent' CODEC(ZSTD(1)),
    referrer            LowCardinality(String) COMMENT 'Referer header as sent' CODEC(ZSTD(1)),
    accept              LowCardinality(String) COMMENT 'Accept header' CODEC(ZSTD(1)),
    accept_language     LowCardinality(String) COMMENT 'Accept-Language header' CODEC(ZSTD(1)),
    accept_encoding     LowCardinality(String) COMMENT 'Accept-Encoding header' CODEC(ZSTD(1)),
    content_type        LowCardinality(String) COMMENT 'Of the request' CODEC(ZSTD(1)),
    sec_ch_ua           LowCardinality(String) COMMENT 'Sec-CH-UA header' CODEC(ZSTD(1)),
    sec_ch_ua_mobile    LowCardinality(String) COMMENT 'Sec-CH-UA-Mobile header' CODEC(ZSTD(1)),
    sec_ch_ua_platform  LowCardinality(String) COMMENT 'Sec-CH-UA-Platform header' CODEC(ZSTD(1)),
    sec_fetch_site      LowCardinality(String) COMMENT 'Sec-Fetch-Site header' CODEC(ZSTD(1)),
    sec_fetch_mode      LowCardinality(String) COMMENT 'Sec-Fetch-Mode header' CODEC(ZSTD(1)),
    sec_fetch_dest      LowCardinality(String) COMMENT 'Sec-Fetch-Dest header' CODEC(ZSTD(1)),
    header_order        LowCardinality(String) COMMENT 'Header names in received order, lower case, joined by commas' CODEC(ZSTD(1)),
    header_count        UInt16 COMMENT 'Headers received' CODEC(ZSTD(1)),
    cookie_count        UInt16 COMMENT 'Names in the Cookie header; values never leave the web server' CODEC(ZSTD(1)),
    truncated           Bool COMMENT 'Whether a limit cut something of the request off' CODEC(ZSTD(1)),
    bad_utf8            UInt16 COMMENT 'Bytes that were no UTF-8' CODEC(ZSTD(1)),

    ua_family           LowCardinality(String) MATERIALIZED multiIf(
        user_agent = '', '',
        match(user_agent, '(?i)bot|crawl|spider|slurp|facebookexternalhit|monitor|uptime'), 'bot',
        position(user_agent, 'HeadlessChrome/') > 0, 'headless_chrome',
        position(user_agent, 'Edg/') > 0, 'edge',
        position(user_agent, 'OPR/') > 0, 'opera',
        position(user_agent, 'Firefox/') > 0, 'firefox',
        position(user_agent, 'Chrome/') > 0 OR position(user_agent, 'CriOS/') > 0, 'chrome',
        position(user_agent, 'Safari/') > 0 AND position(user_agent, 'Version/') > 0, 'safari',
        match(user_agent, '(?i)^curl/'), 'curl',
        match(user_agent, '(?i)python|aiohttp|httpx|urllib'), 'python',
        match(user_agent, '(?i)^go-http-client'), 'go',
        match(user_agent, '(?i)okhttp'), 'okhttp',
        match(user_agent, '(?i)^java/|java-http-client|apache-httpclient'), 'java',
        match(user_agent, '(?i)^wget'), 'wget',
        match(user_agent, '(?i)node|undici|axios|deno/'), 'javascript',
        'other') COMMENT 'Client that the User-Agent claims' CODEC(ZSTD(1)),
    ua_version          UInt16 MATERIALIZED toUInt16OrZero(extract(user_agent, '(?:HeadlessChrome|Edg|OPR|Firefox|CriOS|Chrome|Version)/(\\d{1,4})')) COMMENT 'Major version that the User-Agent claims' CODEC(ZSTD(1)),
    ua_os               LowCardinality(String) MATERIALIZED multiIf(
        position(user_agent, 'Windows') > 0, 'windows',
        position(user_agent, 'Android') > 0, 'android',
        position(user_agent, 'iPhone') > 0 OR position(user_agent, 'iPad') > 0, 'ios',
        position(user_agent, 'Mac OS X') > 0, 'macos',
        position(user_agent, 'CrOS') > 0, 'chromeos',
        position(user_agent, 'Linux') > 0 OR position(user_agent, 'X11') > 0, 'linux',
        '') COMMENT 'System that the User-Agent claims' CODEC(ZSTD(1)),
    is_asset            Bool MATERIALIZED match(url_path, '\\.(?:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp4|webm)$') COMMENT 'Image, script, style, font or film by its path' CODEC(ZSTD(1)),

    asn                 UInt32 DEFAULT 0 COMMENT 'Autonomous system of client_ip' CODEC(ZSTD(1)),
    as_org              LowCardinality(String) DEFAULT '' COMMENT 'Holder of that autonomous system' CODEC(ZSTD(1)),
    country             LowCardinality(String) DEFAULT '' COMMENT 'ISO 3166-1 alpha-2' CODEC(ZSTD(1)),
    network_kind        LowCardinality(String) DEFAULT '' COMMENT 'isp, hosting, mobile, edu, tor, vpn, private, loopback or documentation' CODEC(ZSTD(1)),
    ip_reputation       UInt8 DEFAULT 0 COMMENT '0 unknown to 100 bad' CODEC(ZSTD(1)),
    ja4_client          LowCardinality(String) DEFAULT '' COMMENT 'Family of the client known for this JA4' CODEC(ZSTD(1)),
    bot_name            LowCardinality(String) DEFAULT '' COMMENT 'Verified bot whose published network holds the address' CODEC(ZSTD(1)),

    INDEX ix_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_ja4 ja4 TYPE set(256) GRANULARITY 1,
    INDEX ix_status_code status_code TYPE set(32) GRANULARITY 2,
    INDEX ix_url_path url_path TYPE ngrambf_v1(4, 16384, 2, 0) GRANULARITY 4
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(ts)
 
ORDER BY (toStartOfHour(ts), http_host, src_ip, toUnixTimestamp64Micro(ts))
TTL toDateTime(ts) + INTERVAL 7 DAY TO VOLUME 'cold', toDateTime(ts) + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, index_granularity = 8192, storage_policy = 'tiered'
COMMENT 'One row a request, with the handshake of its connection, and one for each handshake without a request';

CREATE TABLE IF NOT EXISTS ja4.ja4_catalog ON CLUSTER 'main'
(
    ja4                  String COMMENT 'The fingerprint: the key',
    ja4_r                String COMMENT 'JA4 with the lists instead of their hashes' CODEC(ZSTD(3)),
    ja4_o                String COMMENT 'JA4 in the order of the wire' CODEC(ZSTD(3)),
    ja4_ro               String COMMENT 'ja4_r in the order of the wire' CODEC(ZSTD(3)),
    ja4_stable           LowCardinality(String) COMMENT 'JA4 without the extensions that come and go with resumption',
    ja3                  LowCardinality(String) COMMENT 'JA3, MD5 in hex',
    ja3_string           String COMMENT 'What JA3 is the digest of' CODEC(ZSTD(3)),
    transport            LowCardinality(String) COMMENT 'tcp, quic or dtls',
    tls_version_offered  LowCardinality(String) COMMENT 'Highest version offered',
    cipher_suites        Array(UInt16) COMMENT 'Wire order, GREASE removed, as for all lists',
    extensions           Array(UInt16) COMMENT 'Code points of the extensions',
    supported_groups     Array(UInt16) COMMENT 'Code points of supported_groups',
    signature_algorithms Array(UInt16) COMMENT 'Code points of signature_algorithms',
    ec_point_formats     Array(UInt8) COMMENT 'Code points of ec_point_formats',
    supported_versions   Array(UInt16) COMMENT 'Code points of supported_versions',
    key_share_groups     Array(UInt16) COMMENT 'Groups of the key shares',
    client_alpns         Array(String) COMMENT 'Protocols offered; a client wrote them',
    grease               Bool COMMENT 'Whether some GREASE value was offered',
    first_seen           DateTime64(6, 'UTC') COMMENT 'Of the hello these lists come from',
    updated_at           DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When the row was written; the newest of a JA4 holds'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}', updated_at)
ORDER BY ja4
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'The raw lists behind each JA4, once; what a JA4 page decodes';

-- down
DROP TABLE IF EXISTS ja4.ja4_catalog ON CLUSTER 'main' SYNC;

DROP TABLE IF EXISTS ja4.http_events_local ON CLUSTER 'main' SYNC;
