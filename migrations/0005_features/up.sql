CREATE TABLE IF NOT EXISTS {{db}}.learned_paths {{on_cluster}}
(
    http_host  LowCardinality(String) COMMENT 'Host header',
    url_path   String COMMENT 'Path' CODEC(ZSTD(3)),
    bits       Float32 COMMENT '-log2 of the share of addresses that fetched it',
    is_sign_in Bool COMMENT 'Forms sent there were refused to several networks',
    learned_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was learned; the newest row holds'
)
ENGINE = {{replicated_global:ReplacingMergeTree(learned_at)}}
ORDER BY (http_host, url_path)
TTL toDateTime(learned_at) + INTERVAL 8 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'How popular the documents of each host are among its visitors; rebuilt when the detector learns';

CREATE TABLE IF NOT EXISTS {{db}}.learned_pairs {{on_cluster}}
(
    relation  LowCardinality(String) COMMENT 'Which property is given which, such as ua_given_ja4',
    key       String COMMENT 'The property that is given' CODEC(ZSTD(3)),
    value     String COMMENT 'The property seen with it' CODEC(ZSTD(3)),
    network   UInt64 COMMENT 'Hash of a /24 or /48 with one TCP window',
    last_seen SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'When last'
)
ENGINE = {{replicated_global:AggregatingMergeTree}}
ORDER BY (relation, key, value, network)
TTL last_seen + INTERVAL 42 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Which networks showed which properties together, and when last; what the detector learns of';

-- A resumed handshake and the full one that the same client sends otherwise: without pre_shared_key (41), with
-- session_ticket (35), which Firefox leaves out when it resumes. Exact where the lists are known, else by the reference.
CREATE VIEW IF NOT EXISTS {{db}}.ja4_folds {{on_cluster}} AS
SELECT ja4, argMin(full_ja4, source) AS folded
FROM (
    SELECT
        1 AS source, catalog.ja4 AS ja4,
        if(has(catalog.extensions, 35), arrayFilter(x -> x != 41, catalog.extensions),
            arrayPushBack(arrayFilter(x -> x != 41, catalog.extensions), 35)) AS full,
        arrayStringConcat(arraySort(arrayMap(x -> leftPad(lower(hex(x)), 4, '0'), arrayFilter(x -> x NOT IN (0, 16), full))), ',') AS names,
        arrayStringConcat(arrayMap(x -> leftPad(lower(hex(x)), 4, '0'), catalog.signature_algorithms), ',') AS algorithms,
        concat(substring(catalog.ja4, 1, 6), leftPad(toString(least(99, length(full))), 2, '0'), substring(catalog.ja4, 9, 16),
            substring(lower(hex(SHA256(if(algorithms = '', names, concat(names, '_', algorithms))))), 1, 12)) AS full_ja4
    FROM {{db}}.ja4_catalog AS catalog FINAL
    WHERE has(catalog.extensions, 41)
    UNION ALL
    SELECT 2, resumed.ja4, [], '', '', complete.ja4
    FROM (SELECT ja4, label FROM {{db}}.ref_ja4 FINAL WHERE resumed) AS resumed
    INNER JOIN (SELECT label, min(ja4) AS ja4 FROM {{db}}.ref_ja4 FINAL WHERE NOT resumed GROUP BY label) AS complete
        ON complete.label = resumed.label
)
GROUP BY ja4;

-- The same for pages, which ask often and can do with what was true seconds ago: planning a query of the view takes
-- longer than a page may have for ten queries.
CREATE DICTIONARY IF NOT EXISTS {{db}}.dict_folds {{on_cluster}}
(ja4 String, folded String DEFAULT '')
PRIMARY KEY ja4
SOURCE(CLICKHOUSE(QUERY 'SELECT ja4, folded FROM {{db}}.ja4_folds AS f WHERE f.folded NOT IN (\'\', f.ja4)'{{dict_auth}}))
LAYOUT(COMPLEX_KEY_HASHED) LIFETIME(MIN 10 MAX 20);

-- What a request tells about its client, as the detector learns and compares it. Headers that come and go with the
-- request are left out of the order, and ja4 is that of a full handshake where the client resumed (ja4_seen is not).
CREATE VIEW IF NOT EXISTS {{db}}.client_facts {{on_cluster}} AS
SELECT
    ts, ingest_ts, event_id, src_ip, src_port, if(folds.folded = '', toString(events.ja4), folds.folded) AS ja4,
    toString(events.ja4) AS ja4_seen, url_scheme, http_host, http_method, url_path, url_query, status_code, response_bytes,
    -- By its path, or by what the browser wants it for.
    toBool(events.is_asset OR sec_fetch_dest IN ('image', 'style', 'script', 'font', 'audio', 'video', 'track', 'manifest')) AS is_asset,
    user_agent, ua_family, ua_version, ua_os, sec_ch_ua, sec_ch_ua_platform, accept_language, accept_encoding,
    sec_fetch_site, sec_fetch_mode, sec_fetch_dest, referrer, cookie_count, http_version, sni, client_alpns, toBool(psk OR tls_resumed) AS psk, match,
    ip_ttl, tcp_mss, syn_to_hello_us, tcp_rtt_us, asn, country, network_kind, bot_name,
    if(events.ja4 = '', '', concat(substring(events.ja4, 1, 3), '_', splitByChar('_', toString(events.ja4))[2])) AS ja4_family,
    CAST(position(concat(',', header_order, ','), ',origin,') > 0, 'Bool') AS has_origin,
    multiIf(sec_fetch_mode != '', toString(sec_fetch_mode), http_method = 'POST', 'post', 'get') AS kind,
    -- Names between commas of their own, those left out taken away: on the few texts of the column's dictionary, not on each row.
    trim(BOTH ',' FROM replaceAll(replaceRegexpAll(concat(',', replaceAll(header_order, ',', ',,'), ','),
        ',(?:referer|cookie|content-length|content-type|origin|host|connection|authorization|cache-control|pragma|if-none-match|if-modified-since|range),',
        ''), ',,', ',')) AS stable_order,
    if(ip_ttl = 0, '', concat(
        multiIf(ip_ttl > 128, '255', ip_ttl > 64, '128', ip_ttl > 32, '64', '32'), '|',
        toString(tcp_options), '|', toString(tcp_wscale))) AS tcp_signature,
    -- The /24 or /48, with the TCP window: one loud client or one NAT cannot pass for many.
    concat(substring(hex(IPv6StringToNum(toString(src_ip))), 1,
        if(startsWith(toString(src_ip), '::ffff:'), 30, 12)), '|', toString(tcp_window)) AS network,
    -- What a page in an open tab fetches by itself is no page, however regularly it does so.
    toBool(sec_fetch_dest IN ('document', 'empty', '') AND NOT is_asset
        AND NOT (sec_fetch_mode = 'cors' AND referrer != '' AND cookie_count > 0)) AS is_document,
    cityHash64(ua_family, ua_version, ua_os, kind, stable_order, tcp_signature, tcp_mss, accept_encoding,
        accept_language) AS signature
FROM {{db}}.http_events AS events
-- On shards the lists are on the first alone: it sends the others what it made of them.
GLOBAL LEFT JOIN {{db}}.ja4_folds AS folds ON folds.ja4 = events.ja4
WHERE match != 'tls_only'
-- Beside so few rows as are joined here and below, spreading the requests over the threads' own tables costs more than it gains.
SETTINGS join_algorithm = 'hash';

-- One row a window of (src_ip, ja4, http_host) that a single pass over the requests gives. detect/features.ts makes the
-- features of it, with what was learned about the signatures. {cold:Float32} are the bits of a path that nobody else fetched;
-- {every:UInt32}: of so many addresses one is read, for learning from a long time.
CREATE VIEW IF NOT EXISTS {{db}}.window_facts {{on_cluster}} AS
WITH
    raw AS (
        SELECT
            toStartOfInterval(facts.ts, toIntervalSecond({win:UInt32})) AS window_start,
            facts.src_ip AS src_ip, facts.ja4 AS ja4, facts.http_host AS http_host,
            count() AS requests,
            min(facts.ts) AS first_ts, max(facts.ts) AS last_ts,
            anyHeavy(facts.user_agent) AS user_agent, anyHeavy(facts.ua_family) AS ua_family, max(facts.ua_version) AS ua_version,
            anyHeavy(facts.ua_os) AS ua_os, any(facts.asn) AS asn, any(facts.country) AS country,
            any(facts.network_kind) AS network_kind, max(toString(facts.bot_name)) AS bot_name,
            uniq(facts.user_agent) AS user_agents, countIf(facts.user_agent = '') AS without_user_agent,
            anyHeavy(url_path) AS top_path, anyHeavy(http_method) AS top_method, any(sni) AS any_sni,
            max(facts.match IN ('conn', 'window')) AS has_tls,
            max(facts.ingest_ts) AS touched, groupUniqArrayIf(8)(facts.ja4_seen, facts.ja4_seen != '') AS ja4s_seen,
            -- As sent, guessed from what arrived: hops differ, systems do not.
            uniqIf(multiIf(facts.ip_ttl > 128, 255, facts.ip_ttl > 64, 128, facts.ip_ttl > 32, 64, 32), facts.ip_ttl > 0) AS ttls,
            sumMap(map(signature, toUInt64(1))) AS signatures,
            uniq(stable_order) AS orders,

            -- The JA4 says too whether there was a server name (fourth character) and what ALPN begins with.
            countIf(facts.ja4 != '' AND http_version = '2'
                AND if(client_alpns != '', position(client_alpns, 'h2') = 0, substring(facts.ja4, 9, 2) != 'h2')) AS alpn_mismatches,
            countIf(facts.ja4 != '' AND http_version IN ('1.0', '1.1')
                AND if(client_alpns != '', position(client_alpns, 'h2') > 0, substring(facts.ja4, 9, 2) = 'h2')) AS alpn_unused,
            countIf(facts.ja4 != '' AND sni = '' AND substring(facts.ja4, 4, 1) = 'i') AS without_sni,
            countIf(facts.ja4 != '' AND sni != '' AND sni != http_host) + without_sni AS sni_mismatches,
            countIf(facts.ua_family IN ('chrome', 'edge', 'opera', 'headless_chrome') AND facts.ua_version >= 89 AND position(facts.user_agent, 'CriOS/') = 0
                -- Browsers tell these to secure origins alone.
                AND url_scheme != 'http' AND (
                (sec_ch_ua = '' AND position(stable_order, 'sec-ch-ua') = 0)
                OR sec_ch_ua != '' AND position(sec_ch_ua, concat('v="', toString(facts.ua_version), '"')) = 0
                OR (sec_ch_ua_platform != '' AND facts.ua_os IN ('windows', 'macos', 'linux', 'android', 'chromeos')
                    AND position(lower(replaceAll(sec_ch_ua_platform, ' ', '')), facts.ua_os) = 0))) AS hint_mismatches,
            countIf(facts.ua_family IN ('chrome', 'edge', 'opera', 'headless_chrome') AND facts.ua_version >= 89
                AND position(facts.user_agent, 'CriOS/') = 0 AND url_scheme != 'http' AND sec_ch_ua = '' AND sec_fetch_mode = '' AND stable_order != ''
                AND position(stable_order, 'sec-') = 0) AS hollow_chrome,
            -- Firefox has sent Sec-Fetch since 90, Safari since 16.4.
            countIf((facts.ua_family IN ('chrome', 'edge', 'opera', 'headless_chrome') AND facts.ua_version >= 80
                    OR facts.ua_family = 'firefox' AND facts.ua_version >= 90 OR facts.ua_family = 'safari' AND facts.ua_version >= 17)
                AND sec_fetch_mode = '' AND url_scheme != 'http' AND position(stable_order, 'sec-fetch-mode') = 0) AS without_sec_fetch,
            countIf((sec_fetch_mode = 'navigate' AND sec_fetch_dest = 'empty')
                OR (sec_fetch_site = 'none' AND position(referrer, http_host) > 0)
                OR (sec_fetch_mode = 'cors' AND sec_fetch_site = 'cross-site' AND NOT has_origin)) AS impossible_sec_fetch,
            countIf(accept_language = '') AS without_language,

            uniq(src_port) AS connections,
            uniqIf(src_port, psk) AS resumed_connections,
            countIf(is_document AND (sec_fetch_site IN ('none', 'cross-site')
                OR (referrer != '' AND domain(referrer) != http_host))) AS entries,
            groupUniqArrayIf(256)((src_port, syn_to_hello_us), syn_to_hello_us > 0) AS hello_gaps,
            groupUniqArrayIf(256)((src_port, greatest(0, toInt64(syn_to_hello_us) - toInt64(tcp_rtt_us))), syn_to_hello_us > 0 AND tcp_rtt_us > 0) AS proxy_gaps,

            mapValues(sumMap(map(intDiv(toUnixTimestamp64Micro(facts.ts), 10000000), toUInt64(1)))) AS per_10s,
            arraySort(groupArrayIf(4096)(intDiv(toUnixTimestamp64Micro(facts.ts), 1000), is_document)) AS document_ms,
            countIf(is_document) AS documents,
            countIf(is_asset) AS assets,
            assets - uniqIf(facts.url_path, is_asset) AS asset_repeats,
            countIf(is_asset AND status_code = 304) AS assets_revalidated,
            entropy(url_path) AS path_bits,
            avgIf(if(paths.bits = 0, {cold:Float32}, paths.bits), is_document) AS cold_bits,
            arrayMap(pair -> pair.2, arraySort(groupArrayIf(1024)(
                (facts.ts, if((is_document AND match(facts.url_path, '\\d{2}')) AS has_id, toUInt64OrZero(extract(facts.url_path, '(\\d{2,9})\\D*$')), 0)), has_id))) AS ids,

            countIf(status_code BETWEEN 400 AND 499) AS client_errors,
            uniqIf(url_path, status_code = 404) AS not_found_paths,
            countIf(status_code IN (401, 402, 403, 429)) AS auth_failures,
            countIf(status_code = 401) AS unauthorized,
            countIf(multiSearchAnyCaseInsensitive(url_path, probes)) AS probes_hit,
            uniqIf(url_path, multiSearchAnyCaseInsensitive(url_path, probes)) AS probe_paths,
            countIf(http_method = 'POST' AND (paths.is_sign_in OR multiSearchAnyCaseInsensitive(facts.url_path, sign_in))) AS sign_in_posts,
            countIf(http_method = 'POST' AND status_code IN (401, 403, 429) AND (paths.is_sign_in OR multiSearchAnyCaseInsensitive(facts.url_path, sign_in))) AS sign_in_failures,
            countIf(http_method = 'GET' AND (paths.is_sign_in OR multiSearchAnyCaseInsensitive(facts.url_path, sign_in))) AS sign_in_views,
            countIf(http_method NOT IN ('GET', 'POST')) AS odd_methods,
            countIf(http_method IN ('TRACE', 'TRACK', 'PROPFIND', 'CONNECT', 'DEBUG')) AS forbidden_methods,
            uniqIf(url_query, url_query != '') AS queries,
            countIf(is_document AND referrer = '') AS documents_without_referrer,
            argMinIf(referrer, facts.ts, is_document) = '' AS first_without_referrer,
            countIf(cookie_count = 0) AS without_cookie,
            argMin(cookie_count, facts.ts) = 0 AS first_without_cookie,
            stddevPopIf(response_bytes, is_document) / (avgIf(response_bytes, is_document) + 1) AS page_size_cv,
            sum(response_bytes) AS bytes
        FROM {{db}}.client_facts AS facts
        LEFT JOIN (SELECT http_host, url_path, bits, is_sign_in FROM {{db}}.learned_paths FINAL) AS paths
            ON paths.http_host = facts.http_host AND paths.url_path = facts.url_path
        WHERE cityHash64(facts.src_ip) % {every:UInt32} = 0 AND facts.ts >= {from:DateTime64(6, 'UTC')} AND facts.ts < {to:DateTime64(6, 'UTC')}
        GROUP BY window_start, src_ip, ja4, http_host
        SETTINGS join_algorithm = 'hash'
    ),
    ['/.env', '/.git', '/.aws', '/.svn', '/.hg/', '/.ssh', '/.ds_store', '/.vscode', '/.htpasswd',
     '/.well-known/../', 'wp-login', 'wp-admin', 'wp-config', 'wp-includes/', '/wp-content/plugins',
     '/wp-json/wp/v2/users', 'xmlrpc.php', 'phpmyadmin', '/pma/', '/adminer', 'phpinfo', '/vendor/phpunit',
     '/cgi-bin', '/actuator', '/jolokia', '/heapdump', 'etc/passwd', '/proc/self', '..%2f', '%2e%2e/', '/boaform',
     '/gponform', '/hnap1', '/goform/', '/setup.cgi', '/owa/', '/ecp/', '/autodiscover', '/remote/login',
     '/dana-na/', '/vpn/../', '/solr/', '/manager/html', '/server-status', '/struts', '/console/login', '/wls-wsat',
     '/_ignition', '/telescope', '/laravel', '/id_rsa', '/web.config', '/config.json.bak', '/backup.sql',
     '/dump.sql', '/.npmrc', '/docker-compose.yml', '/geoserver/', '/sdk/vimservice', '/druid/index', '/nacos/',
     '/api/v1/pods'] AS probes,
    ['login', 'log-in', 'signin', 'sign-in', 'logon', 'auth', 'session', 'checkout', 'payment'] AS sign_in,
    arrayFilter((ms, gap, i) -> i = 1 OR gap > 400, document_ms, arrayDifference(document_ms), arrayEnumerate(document_ms)) AS starts,
    arrayPopFront(arrayDifference(starts)) AS pauses,
    arrayMap(pause -> floor(2 * log2(pause + 1)), pauses) AS pause_bins,
    arrayReduce('entropy', pause_bins) AS pause_bits,
    arrayReduce('avg', pauses) AS pause_mean,
    arrayPopFront(arrayDifference(ids)) AS steps,
    arrayMap(pair -> pair.2, hello_gaps) AS hello_us,
    ifNotFinite(arrayReduce('median', hello_us), 0) AS hello_median
SELECT
    window_start, src_ip, ja4, touched, ja4s_seen, ttls, entries, alpn_unused, asset_repeats, assets_revalidated,
    -- By family: what a client resumes is not always known.
    uniqExactIf(concat(substring(ja4, 1, 3), splitByChar('_', ja4)[2]), ja4 != '') OVER same_agent AS client_ja4s,
    countIf(sign_in_failures > 0) OVER same_fingerprint AS failing_addresses,
    length(hello_us) AS hello_count,
    if(hello_median > 0, arrayReduce('median', arrayMap(us -> abs(us - hello_median), hello_us)) / hello_median, 0) AS hello_spread, http_host, requests, first_ts, last_ts, user_agent, ua_family, ua_version, ua_os, asn,
    country, network_kind, bot_name, user_agents, without_user_agent, top_path, top_method, any_sni, has_tls,
    signatures, orders, alpn_mismatches, sni_mismatches, without_sni, hint_mismatches, hollow_chrome,
    without_sec_fetch, impossible_sec_fetch, without_language, connections,
    sum(resumed_connections) OVER same_client AS client_resumed,
    sum(connections) OVER same_client AS client_connections,
    hello_median / 1000 AS hello_ms,
    ifNotFinite(arrayReduce('median', arrayMap(pair -> pair.2, proxy_gaps)), 0) / 1000 AS proxy_ms,
    arrayMax(per_10s) AS peak_10s,
    documents, assets, path_bits, if(documents = 0, 0, cold_bits) AS cold_bits,
    length(pauses) AS pause_count,
    if(pause_count >= 4, arrayReduce('median', pauses), 0) AS pause_ms,
    if(pause_count >= 4, arrayReduce('stddevPop', pauses) / (pause_mean + 1), 0) AS pause_cv,
    if(pause_count >= 4, log2(least(pause_count, 16)) - pause_bits, 0) AS pause_bits_missing,
    if(pause_count >= 4, arrayMax(arrayMap(bin -> countEqual(pause_bins, bin), pause_bins)) / pause_count, 0) AS pause_mode_share,
    if(pause_count >= 4, abs(arraySum((a, b) -> (a - pause_mean) * (b - pause_mean), arrayPopFront(pauses), arrayPopBack(pauses))
        / (pow(arrayReduce('stddevPop', pauses), 2) * pause_count + 1)), 0) AS pause_echo,
    if(length(steps) > 2, arrayCount(step -> step BETWEEN 1 AND 20, steps) / length(steps) * log2(1 + length(steps)), 0) AS id_walk,
    client_errors, not_found_paths, auth_failures, unauthorized, probes_hit, probe_paths, sign_in_posts,
    sign_in_failures, sign_in_views, odd_methods, forbidden_methods, queries,
    greatest(0, toInt64(documents_without_referrer) - first_without_referrer) AS later_without_referrer,
    greatest(0, toInt64(without_cookie) - first_without_cookie) AS later_without_cookie,
    if(documents > 3, page_size_cv, -1) AS page_size_cv,
    bytes
FROM raw
WINDOW same_client AS (PARTITION BY window_start, src_ip, http_host),
    same_agent AS (PARTITION BY window_start, src_ip, http_host, user_agent),
    same_fingerprint AS (PARTITION BY window_start, ja4, ua_family, http_host);

-- What the clients of a JA4 do, over a span: for the page of a fingerprint and for groups.
CREATE VIEW IF NOT EXISTS {{db}}.ja4_signals {{on_cluster}} AS
SELECT
    ja4, count() AS requests, uniq(src_ip) AS addresses, uniq(network) AS networks, uniq(user_agent) AS user_agents,
    countIf(http_version = '2') / requests AS h2_share,
    countIf(ua_family IN ('chrome', 'edge', 'opera', 'firefox', 'safari')) / requests AS browser_share,
    countIf(status_code >= 400) / requests AS error_share,
    countIf(is_asset) / requests AS asset_share,
    min(ts) AS first_seen, max(ts) AS last_seen
FROM {{db}}.client_facts
WHERE ja4 != '' AND ts >= {from:DateTime64(6, 'UTC')} AND ts < {to:DateTime64(6, 'UTC')}
GROUP BY ja4;
