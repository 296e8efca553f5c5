/** Windows for tests: a person with a browser, from which a test departs. @module */
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import {
  type Signature,
  type WindowFacts,
  WITHOUT_REQUESTS,
} from "./windows.ts";

/** A signature of Chrome 150 on Windows that opens a page. */
export const CHROME: Signature = {
  ua_family: "chrome",
  ua_version: 150,
  ua_os: "windows",
  kind: "navigate",
  stable_order: "sec-ch-ua,user-agent,accept",
  tcp_signature: "128|2-1-3-1-1-4|8",
  tcp_mss: 1460,
  accept_encoding: "gzip, deflate, br, zstd",
  accept_language: "fr-FR",
};

/** A window of a person, with some facts changed. */
export function windowFacts(changed: Partial<WindowFacts> = {}): WindowFacts {
  return {
    ...WITHOUT_REQUESTS,
    window_start: 1_767_225_600_000_000 as UnixMicros,
    window_s: 3600,
    src_ip: "198.18.0.1" as IpAddress,
    ja4: "t13d1516h2_8daaf6152771_806a8c22fdea",
    ja4s_seen: ["t13d1516h2_8daaf6152771_806a8c22fdea"],
    ja4_label: "Chrome 150",
    http_host: "www.example.com",
    requests: 40,
    first_ts: 1_767_225_660_000_000 as UnixMicros,
    last_ts: 1_767_225_720_000_000 as UnixMicros,
    user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/150.0.0.0",
    ua_family: "chrome",
    ua_version: 150,
    ua_os: "windows",
    asn: 0,
    country: "",
    network_kind: "",
    user_agents: 1,
    top_path: "/",
    top_method: "GET",
    any_sni: "www.example.com",
    signatures: [[CHROME, 40]],
    orders: 2,
    without_sni: 0,
    connections: 1,
    client_connections: 1,
    entries: 1,
    ttls: 1,
    hello_count: 1,
    hello_ms: 25,
    proxy_ms: 2,
    peak_10s: 20,
    documents: 4,
    assets: 36,
    path_bits: 5,
    cold_bits: 2,
    pause_count: 3,
    page_size_cv: 0.5,
    bytes: 900_000,
    silent_handshakes: 0,
    ...changed,
  };
}
