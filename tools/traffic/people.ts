/**
 * People: browsers on ordinary lines, and those who are easily taken for bots (behind a TLS
 * inspecting proxy, in a native app, on a VPN, with a tab that polls, without cookies).
 *
 * @module
 */
import type { Random } from "../../detect/random.ts";
import type { IpAddress } from "../../lib/events.ts";
import type { Client, OpenConnection, Recorder } from "./recorder.ts";
import { HOST } from "./recorder.ts";
import { exponential, gamma, logNormal, pick } from "./sampling.ts";
import * as site from "./site.ts";
import { HTTP, type HttpStack, TCP } from "./stacks.ts";
import { TLS, type TlsStack } from "./tls_stacks.ts";

type Os = "windows" | "macos" | "linux" | "android" | "ios";

/** A browser of a version, and the systems that it runs on. */
interface Browser {
  readonly name: "chrome" | "edge" | "firefox" | "safari";
  readonly version: number;
  readonly tls: TlsStack;
  readonly http: HttpStack;
  readonly systems: readonly (readonly [number, Os])[];
}

const CHROME_SYSTEMS = [[45, "windows"], [12, "macos"], [4, "linux"], [
  39,
  "android",
]] as const;

const BROWSERS: readonly (readonly [number, Browser])[] = [
  [27, chrome(156, TLS.chromium156)],
  [20, chrome(150, TLS.chrome150)],
  [10, chrome(142, TLS.chrome142)],
  [3, chrome(131, TLS.chrome131)],
  [5, {
    ...chrome(150, TLS.chrome150),
    name: "edge",
    systems: [[1, "windows"]],
  }],
  [12, safari(26, TLS.safari26ios, "ios")],
  [7, safari(26, TLS.safari26mac, "macos")],
  [6, safari(18, TLS.safari18, "ios")],
  [6, firefox(153, TLS.firefox153)],
  [4, firefox(142, TLS.firefox142)],
];

function chrome(version: number, tls: TlsStack): Browser {
  return {
    name: "chrome",
    version,
    tls,
    http: HTTP.chrome,
    systems: CHROME_SYSTEMS,
  };
}

function safari(version: number, tls: TlsStack, os: Os): Browser {
  return {
    name: "safari",
    version,
    tls,
    http: HTTP.safari,
    systems: [[1, os]],
  };
}

function firefox(version: number, tls: TlsStack): Browser {
  return {
    name: "firefox",
    version,
    tls,
    http: HTTP.firefox,
    systems: [[60, "windows"], [20, "linux"], [20, "macos"]],
  };
}

const LANGUAGES = [
  [30, "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7"],
  [22, "en-US,en;q=0.9"],
  [18, "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"],
  [12, "en-GB,en;q=0.9"],
  [10, "es-ES,es;q=0.9"],
  [8, "it-IT,it;q=0.9,en;q=0.7"],
] as const;

const PLATFORM: Readonly<Record<Os, string>> = {
  windows: "Windows",
  macos: "macOS",
  linux: "Linux",
  android: "Android",
  ios: "iOS",
};

const SYSTEM_IN_UA: Readonly<Record<Os, string>> = {
  windows: "Windows NT 10.0; Win64; x64",
  macos: "Macintosh; Intel Mac OS X 10_15_7",
  linux: "X11; Linux x86_64",
  android: "Linux; Android 10; K",
  ios: "iPhone; CPU iPhone OS 18_5 like Mac OS X",
};

/** User-Agent and client hints of Chrome or a browser made of it. */
export function chromeIdentity(
  version: number,
  os: Os,
  name: "chrome" | "edge" = "chrome",
): Pick<Client, "userAgent" | "clientHints"> {
  const mobile = os === "android";
  const brand = name === "edge" ? "Microsoft Edge" : "Google Chrome";
  return {
    userAgent: `Mozilla/5.0 (${
      SYSTEM_IN_UA[os]
    }) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0${
      mobile ? " Mobile" : ""
    } Safari/537.36${name === "edge" ? ` Edg/${version}.0.0.0` : ""}`,
    clientHints: {
      ua:
        `"Chromium";v="${version}", "${brand}";v="${version}", "Not?A_Brand";v="99"`,
      platform: PLATFORM[os],
      mobile,
    },
  };
}

function identity(
  browser: Browser,
  os: Os,
): Pick<Client, "userAgent" | "clientHints"> {
  const system = SYSTEM_IN_UA[os];
  const { name, version } = browser;
  if (name === "chrome" || name === "edge") {
    return chromeIdentity(version, os, name);
  }
  if (name === "firefox") {
    return {
      userAgent:
        `Mozilla/5.0 (${system}; rv:${version}.0) Gecko/20100101 Firefox/${version}.0`,
    };
  }
  return {
    userAgent:
      `Mozilla/5.0 (${system}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${version}.0 ${
        os === "ios" ? "Mobile/15E148 " : ""
      }Safari/604.1`,
  };
}

/** Adds people until the recorder holds `requests` more requests. `hours`: length of the run. */
export function addPeople(
  recorder: Recorder,
  random: Random,
  plan: { requests: number; hours: number; endHour: number },
): void {
  const goal = recorder.requests + plan.requests;
  for (let n = 0; recorder.requests < goal; n++) {
    const at = startTime(random, plan);
    const kind = pick(random, [
      [86, "ordinary"],
      [3, "inspected"],
      [4, "app"],
      [3, "vpn"],
      [2, "polling_tab"],
      [2, "no_cookies"],
    ]);
    if (kind === "app") useApp(recorder, random, appUser(random, n), at);
    else {
      const client = browserUser(random, n, kind);
      if (kind === "polling_tab") pollTab(recorder, random, client, at);
      else {
        browse(recorder, random, client, {
          at,
          cookies: kind !== "no_cookies",
        });
      }
    }
  }
}

/** A time by the load of the day: 0.8 + 0.7 cos, highest at 20 h. */
function startTime(
  random: Random,
  plan: { hours: number; endHour: number },
): number {
  while (true) {
    const hour = plan.hours * random.uniform();
    const clock = plan.endHour - plan.hours + hour;
    const load = 0.8 + 0.7 * Math.cos(2 * Math.PI * (clock - 20) / 24);
    if (random.uniform() * 1.5 < load) return hour * 3600;
  }
}

/** Addresses of 198.18.0.0/15 (RFC 2544), and one in eight of 2001:db8::/32 (RFC 3849). */
function homeAddress(random: Random): IpAddress {
  if (random.uniform() < 0.125) {
    const word = () => (1 + random.below(0xfffe)).toString(16);
    return `2001:db8:${word()}:${word()}:${word()}:${word()}:${word()}:${word()}` as IpAddress;
  }
  return `198.${18 + random.below(2)}.${random.below(256)}.${
    1 + random.below(254)
  }` as IpAddress;
}

function browserUser(random: Random, n: number, kind: string): Client {
  const browser = pick(random, BROWSERS);
  const os = pick(random, browser.systems);
  const mobile = os === "android" || os === "ios";
  const far = random.uniform() < 0.1 ? 120 + 160 * random.uniform() : 0;
  const inspected = kind === "inspected";
  const tcp = inspected ? TCP.linux : TCP[os];
  return {
    truth: {
      label: "human",
      family: kind,
      tier: "",
      actor: `person-${n}`,
    },
    src_ip: homeAddress(random),
    tls: inspected ? TLS.proxyBox : browser.tls,
    tcp: kind === "vpn" ? { ...tcp, mss: 1360 + random.below(61) } : tcp,
    http: inspected ? { ...browser.http, version: "1.1" } : browser.http,
    ...identity(browser, os),
    language: pick(random, LANGUAGES),
    helloMs: logNormal(random, mobile ? 60 : 25, 0.5) + far,
    jitter: mobile ? 0.55 : 0.2,
  };
}

function appUser(random: Random, n: number): Client {
  const ios = random.uniform() < 0.45;
  return {
    truth: { label: "human", family: "app", tier: "", actor: `person-${n}` },
    src_ip: homeAddress(random),
    tls: ios ? TLS.cfnetwork : TLS.okhttp,
    tcp: ios ? TCP.ios : TCP.android,
    http: ios ? HTTP.cfnetwork : HTTP.okhttp,
    userAgent: ios
      ? "ExampleApp/412 CFNetwork/1568.200.51 Darwin/24.1.0"
      : "ExampleApp/4.12 okhttp/4.12.0",
    language: ios ? pick(random, LANGUAGES) : undefined,
    helloMs: logNormal(random, 60, 0.5),
    jitter: 0.55,
  };
}

/** Keeps one connection, and opens another when it has idled out. */
class Browsing {
  readonly #recorder: Recorder;
  readonly #random: Random;
  readonly #client: Client;
  #connection: OpenConnection | undefined;
  #idleUntil = 0;
  #visited: boolean;

  constructor(
    recorder: Recorder,
    random: Random,
    client: Client,
    options: { visitedBefore: boolean },
  ) {
    this.#recorder = recorder;
    this.#random = random;
    this.#client = client;
    this.#visited = options.visitedBefore;
  }

  /** The open connection at `at`, where the server closes idle ones after 60 to 180 s. */
  at(at: number): OpenConnection {
    const random = this.#random;
    if (this.#connection === undefined || at > this.#idleUntil) {
      const resume = this.#visited && random.uniform() < 0.7;
      this.#connection = this.#recorder.connect(this.#client, at, { resume });
      this.#visited = true;
    }
    this.#idleUntil = at + 60 + 120 * random.uniform();
    return this.#connection;
  }
}

/** One visit: pages with their assets, cached ones not fetched again. */
function browse(
  recorder: Recorder,
  random: Random,
  client: Client,
  visit: { at: number; cookies: boolean },
): void {
  const warm = random.uniform() < 0.45;
  const browsing = new Browsing(recorder, random, client, {
    visitedBefore: warm,
  });
  const cached = new Set<string>(
    warm ? site.COMMON_ASSETS.map(([path]) => path) : [],
  );
  const pages = Math.max(1, Math.round(logNormal(random, 4, 0.8)));
  const signInAt = random.uniform() < 0.05 ? random.below(pages) : -1;
  let { at } = visit;
  let referrer: string | undefined;
  let cookies = warm && visit.cookies ? 2 : 0;
  for (let n = 0; n < pages; n++) {
    const index = n === 0 && random.uniform() < 0.35
      ? 0
      : site.popularPage(random);
    const missing = random.uniform() < 0.008;
    const path = missing ? `/old${site.page(index)}` : site.page(index);
    recorder.ask(browsing.at(at), {
      at,
      kind: "document",
      path,
      status: missing ? 404 : 200,
      bytes: missing ? 1400 : site.pageBytes(index),
      referrer,
      site: referrer === undefined ? "none" : "same-origin",
      cookies,
    });
    if (visit.cookies) cookies = 2;
    referrer = `https://${HOST}${path}`;
    loadAssets(recorder, random, browsing, { at, cached, referrer, cookies });
    if (n === signInAt) {
      at += logNormal(random, 12, 0.5);
      at = signIn(recorder, random, browsing, { at, referrer, cookies });
    }
    at += random.uniform() < 0.04
      ? logNormal(random, 360, 0.9)
      : logNormal(random, 15, 1);
  }
}

function loadAssets(
  recorder: Recorder,
  random: Random,
  browsing: Browsing,
  view: { at: number; cached: Set<string>; referrer: string; cookies: number },
): void {
  const images = Math.round(gamma(random, 2.2, 4));
  const wanted: (readonly [string, string])[] = [
    ...site.COMMON_ASSETS,
    ...Array.from(
      { length: images },
      () => [site.media(random), "image"] as const,
    ),
  ];
  let at = view.at + logNormal(random, 0.18, 0.5);
  for (const [path, dest] of wanted) {
    const known = view.cached.has(path);
    if (known && random.uniform() >= 0.03) continue;
    view.cached.add(path);
    recorder.ask(browsing.at(at), {
      at,
      kind: "asset",
      path,
      status: known ? 304 : 200,
      bytes: known ? 0 : 2000 + random.below(90_000),
      referrer: view.referrer,
      dest,
      cookies: view.cookies,
    });
    at += exponential(random, 0.03);
  }
}

/** The form, up to three mistakes for some, then success. Returns the time it ends. */
function signIn(
  recorder: Recorder,
  random: Random,
  browsing: Browsing,
  start: { at: number; referrer: string; cookies: number },
): number {
  let { at } = start;
  recorder.ask(browsing.at(at), {
    at,
    kind: "document",
    path: site.SIGN_IN,
    status: 200,
    bytes: 5200,
    referrer: start.referrer,
    cookies: start.cookies,
  });
  const mistakes = random.uniform() < 0.15 ? 1 + random.below(3) : 0;
  for (let n = 0; n <= mistakes; n++) {
    at += logNormal(random, 9, 0.4);
    recorder.ask(browsing.at(at), {
      at,
      kind: "form",
      method: "POST",
      path: site.SIGN_IN,
      status: n < mistakes ? 401 : 302,
      bytes: n < mistakes ? 5300 : 300,
      referrer: `https://${HOST}${site.SIGN_IN}`,
      cookies: start.cookies,
    });
  }
  return at;
}

/** A tab that asks for its data every 5 to 30 s while nobody looks. */
function pollTab(
  recorder: Recorder,
  random: Random,
  client: Client,
  start: number,
): void {
  const browsing = new Browsing(recorder, random, client, {
    visitedBefore: true,
  });
  const every = 5 + 25 * random.uniform();
  const path = site.API_PATHS[random.below(4)] as string;
  const referrer = `https://${HOST}/`;
  recorder.ask(browsing.at(start), {
    at: start,
    kind: "document",
    path: "/",
    status: 200,
    bytes: site.pageBytes(0),
    site: "none",
    cookies: 2,
  });
  const cached = new Set(site.COMMON_ASSETS.slice(2).map(([path]) => path));
  loadAssets(recorder, random, browsing, {
    at: start,
    cached,
    referrer,
    cookies: 2,
  });
  const polls = 20 + random.below(200);
  for (let n = 1; n <= polls; n++) {
    const at = start + n * every + 0.2 * random.uniform();
    recorder.ask(browsing.at(at), {
      at,
      kind: "fetch",
      path,
      status: 200,
      bytes: 180 + random.below(900),
      referrer,
      cookies: 2,
    });
  }
}

/** A native app: API alone, bursts when it is opened, then polls. */
function useApp(
  recorder: Recorder,
  random: Random,
  client: Client,
  start: number,
): void {
  const browsing = new Browsing(recorder, random, client, {
    visitedBefore: false,
  });
  const every = 30 + 60 * random.uniform();
  const polls = 3 + random.below(30);
  let at = start;
  for (let n = 0; n < polls; n++) {
    const burst = n === 0 ? site.API_PATHS.length : 1;
    for (let k = 0; k < burst; k++) {
      recorder.ask(browsing.at(at), {
        at: at + 0.05 * k,
        kind: "fetch",
        path: site.API_PATHS[n === 0 ? k : random.below(2)] as string,
        status: random.uniform() < 0.01 ? 401 : 200,
        bytes: 300 + random.below(6000),
      });
    }
    at += every * (0.95 + 0.1 * random.uniform());
  }
}
