/**
 * Client stacks for generated traffic: what a TCP stack and an HTTP client put on the wire; what a
 * TLS library does is in tls_stacks.ts. Header orders were captured from the running clients or are
 * those of curl-impersonate's signatures.
 *
 * @module
 */

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
