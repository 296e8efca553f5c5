/**
 * Client stacks for generated traffic: what a TLS library, a TCP stack and an HTTP client put on the
 * wire. The JA4 values were captured from the running clients or computed from curl-impersonate's
 * signatures; header orders likewise.
 *
 * @module
 */

/** A TLS client as its ClientHello shows it. */
export interface TlsStack {
  readonly ja4: string;
  /** JA4 with pre_shared_key; absent where the client does not resume. */
  readonly ja4Resumed?: string;
  readonly alpns: readonly string[];
  readonly grease: boolean;
  readonly postQuantum: boolean;
  readonly sni: boolean;
}

/** What a SYN shows. */
export interface TcpStack {
  /** As sent; the hops take from it. */
  readonly ttl: number;
  readonly window: number;
  readonly mss: number;
  readonly wscale: number;
  readonly options: string;
}

/** Kinds of request whose header order differs. */
export type RequestKind = "document" | "asset" | "form" | "fetch";

/** An HTTP client: names in order by kind of request, and the values that do not vary. */
export interface HttpStack {
  /** `1.1` or `2`. */
  readonly version: string;
  /** Names of the headers in order; a name without a value in a request is left out. */
  readonly order: Readonly<Record<RequestKind, readonly string[]>>;
  readonly acceptEncoding?: string;
  readonly acceptDocument: string;
  readonly acceptAsset: string;
  /** Sends sec-fetch-* and keeps cookies and a cache. */
  readonly browser: boolean;
}

const H2 = ["h2", "http/1.1"];
const browserTls = { alpns: H2, sni: true } as const;

/** TLS stacks by name. */
export const TLS = {
  chromium156: chrome(
    "t13d1517h2_8daaf6152771_cb7bf5808d99",
    "t13d1518h2_8daaf6152771_e2d80978ab2e",
  ),
  chrome150: chrome(
    "t13d1516h2_8daaf6152771_806a8c22fdea",
    "t13d1517h2_8daaf6152771_a87ad97598a9",
  ),
  chrome142: chrome(
    "t13d1516h2_8daaf6152771_d8a2da3f94cd",
    "t13d1517h2_8daaf6152771_b6f405a00624",
  ),
  chrome131: chrome(
    "t13d1516h2_8daaf6152771_02713d6af862",
    "t13d1517h2_8daaf6152771_b0da82dd1658",
  ),
  firefox153: {
    ...browserTls,
    ja4: "t13d1617h2_86a278354501_3cbfd9057e0d",
    ja4Resumed: "t13d1617h2_86a278354501_e6dcd7ae0a9e",
    grease: false,
    postQuantum: true,
  },
  firefox142: {
    ...browserTls,
    ja4: "t13d1717h2_5b57614c22b0_3cbfd9057e0d",
    ja4Resumed: "t13d1717h2_5b57614c22b0_e6dcd7ae0a9e",
    grease: false,
    postQuantum: true,
  },
  safari26ios: {
    ...browserTls,
    ja4: "t13d2015h2_a09f3c656075_c258b721e490",
    ja4Resumed: "t13d2015h2_a09f3c656075_0558b81db3bf",
    grease: true,
    postQuantum: true,
  },
  safari26mac: {
    ...browserTls,
    ja4: "t13d2013h2_a09f3c656075_7f0f34a4126d",
    ja4Resumed: "t13d2014h2_a09f3c656075_cfa2fb88e388",
    grease: true,
    postQuantum: true,
  },
  safari18: {
    ...browserTls,
    ja4: "t13d2014h2_a09f3c656075_e42f34c56612",
    ja4Resumed: "t13d2015h2_a09f3c656075_0558b81db3bf",
    grease: true,
    postQuantum: false,
  },
  go124: tool("t13d1312h2_f57a46bbacb6_ab7e3b40a677", H2),
  go119: tool("t13d1910h2_9dc949149365_97f8aa674fd9", H2),
  goNoSni: {
    ...tool("t13i190800_9dc949149365_97f8aa674fd9", []),
    sni: false,
  },
  requests: tool("t13d4312h1_c7886603b240_b26ce05bbdd6", ["http/1.1"]),
  curl: tool("t13d3112h2_e8f1e7e78f70_b26ce05bbdd6", H2),
  node: tool("t13d5911h1_a33745022dd6_1f22a2ca17c4", ["http/1.1"]),
  java17: tool("t13d3713h2_db35923f8641_7c76daad20ec", H2),
  proxyBox: tool("t13d311100_e8f1e7e78f70_d41ae481755e", []),
  okhttp: tool("t13d1512h2_8daaf6152771_07be0c029dc8", H2),
  cfnetwork: tool("t13d2014h2_a09f3c656075_14788d8d241b", H2),
  wget: tool("t13d291300_723694b0fccc_899037bd0b8c", []),
} as const satisfies Record<string, TlsStack>;

function chrome(ja4: string, ja4Resumed: string): TlsStack {
  return { ...browserTls, ja4, ja4Resumed, grease: true, postQuantum: true };
}

function tool(ja4: string, alpns: readonly string[]): TlsStack {
  return { ja4, alpns, grease: false, postQuantum: false, sni: true };
}

/** TCP stacks by system. */
export const TCP = {
  windows: syn(128, 64240, 1460, 8, "2-1-3-1-1-4"),
  macos: syn(64, 65535, 1460, 6, "2-1-3-1-1-8-4-0-0"),
  ios: syn(64, 65535, 1400, 6, "2-1-3-1-1-8-4-0-0"),
  android: syn(64, 65535, 1400, 9, "2-4-8-1-3"),
  linux: syn(64, 64240, 1460, 7, "2-4-8-1-3"),
  dataCentre: syn(64, 62727, 8961, 7, "2-4-8-1-3"),
  docker: syn(64, 64240, 1460, 7, "2-4-8-1-3"),
} as const satisfies Record<string, TcpStack>;

function syn(
  ttl: number,
  window: number,
  mss: number,
  wscale: number,
  options: string,
): TcpStack {
  return { ttl, window, mss, wscale, options };
}

const HINTS = ["sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"];
const CHROME_FETCH = [
  "content-length",
  "sec-ch-ua-platform",
  "user-agent",
  "sec-ch-ua",
  "content-type",
  "sec-ch-ua-mobile",
  "accept",
  "origin",
  "sec-fetch-site",
  "sec-fetch-mode",
  "sec-fetch-dest",
  "referer",
  "accept-encoding",
  "accept-language",
  "cookie",
  "priority",
];
const CHROME_NAVIGATION = [
  "upgrade-insecure-requests",
  "user-agent",
  "accept",
  "sec-fetch-site",
  "sec-fetch-mode",
  "sec-fetch-user",
  "sec-fetch-dest",
  "referer",
  "accept-encoding",
  "accept-language",
  "cookie",
  "priority",
];
const FIREFOX = [
  "user-agent",
  "accept",
  "accept-language",
  "accept-encoding",
  "content-type",
  "content-length",
  "origin",
  "referer",
  "cookie",
  "upgrade-insecure-requests",
  "sec-fetch-dest",
  "sec-fetch-mode",
  "sec-fetch-site",
  "sec-fetch-user",
  "priority",
  "te",
];
const SAFARI = [
  "sec-fetch-dest",
  "user-agent",
  "accept",
  "sec-fetch-site",
  "sec-fetch-mode",
  "accept-language",
  "priority",
  "accept-encoding",
  "cookie",
];
const DOCUMENT =
  "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const MODERN = "gzip, deflate, br, zstd";

/** HTTP stacks by name. */
export const HTTP = {
  chrome: {
    version: "2",
    order: {
      document: [...HINTS, ...CHROME_NAVIGATION],
      asset: CHROME_FETCH,
      form: [
        "content-length",
        "cache-control",
        ...HINTS,
        "origin",
        "content-type",
        ...CHROME_NAVIGATION,
      ],
      fetch: CHROME_FETCH,
    },
    acceptEncoding: MODERN,
    acceptDocument: DOCUMENT,
    acceptAsset: "image/avif,image/webp,image/apng,image/svg+xml,*/*;q=0.8",
    browser: true,
  },
  firefox: {
    version: "2",
    order: {
      document: FIREFOX.filter((name) => name !== "origin"),
      asset: FIREFOX.filter((name) => name !== "upgrade-insecure-requests"),
      form: FIREFOX,
      fetch: FIREFOX.filter((name) => name !== "upgrade-insecure-requests"),
    },
    acceptEncoding: MODERN,
    acceptDocument: DOCUMENT,
    acceptAsset: "*/*",
    browser: true,
  },
  safari: {
    version: "2",
    order: {
      document: SAFARI,
      asset: [
        "accept",
        "sec-fetch-site",
        "cookie",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "user-agent",
        "accept-language",
        "priority",
        "accept-encoding",
      ],
      form: ["content-type", "origin", "referer", "content-length", ...SAFARI],
      fetch: ["content-type", "origin", "referer", "content-length", ...SAFARI],
    },
    acceptEncoding: "gzip, deflate, br",
    acceptDocument:
      "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    acceptAsset: "image/webp,image/avif,image/png,image/svg+xml,*/*;q=0.8",
    browser: true,
  },
  go: plain(["host", "user-agent", "accept-encoding"], "gzip", "2"),
  goTyped: plain(
    ["host", "user-agent", "accept", "accept-language", "accept-encoding"],
    "gzip",
    "2",
  ),
  requests: plain(
    ["host", "user-agent", "accept-encoding", "accept", "connection"],
    "gzip, deflate",
    "1.1",
  ),
  curl: plain(["host", "user-agent", "accept"], undefined, "2"),
  goOneOne: plain(["host", "user-agent", "accept-encoding"], "gzip", "1.1"),
  node: plain(
    ["host", "connection", "user-agent", "accept", "accept-language"],
    "gzip, deflate",
    "1.1",
  ),
  okhttp: plain(
    ["authorization", "accept", "user-agent", "host", "accept-encoding"],
    "gzip",
    "2",
  ),
  cfnetwork: plain(
    [
      "accept",
      "authorization",
      "accept-language",
      "user-agent",
      "accept-encoding",
    ],
    "gzip, deflate, br",
    "2",
  ),
  crawler: plain(
    ["host", "connection", "accept", "from", "user-agent", "accept-encoding"],
    "gzip, deflate, br",
    "1.1",
  ),
  monitor: plain(
    ["host", "user-agent", "accept", "connection"],
    undefined,
    "1.1",
  ),
} as const satisfies Record<string, HttpStack>;

function plain(
  names: readonly string[],
  acceptEncoding: string | undefined,
  version: string,
): HttpStack {
  const order = [...names, "content-type", "content-length", "cookie"];
  return {
    version,
    order: { document: order, asset: order, form: order, fetch: order },
    ...(acceptEncoding === undefined ? {} : { acceptEncoding }),
    acceptDocument: "*/*",
    acceptAsset: "*/*",
    browser: false,
  };
}

/** `other` without some names, as a client that imitates it imperfectly. */
export function withoutHeaders(
  other: HttpStack,
  names: readonly string[],
): HttpStack {
  const cut = (order: readonly string[]) =>
    order.filter((name) => !names.includes(name));
  const { document, asset, form, fetch } = other.order;
  return {
    ...other,
    order: {
      document: cut(document),
      asset: cut(asset),
      form: cut(form),
      fetch: cut(fetch),
    },
  };
}
