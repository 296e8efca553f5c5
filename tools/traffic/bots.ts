/**
 * Bots: verified crawlers and monitors, and eight families of bad ones from easy to hard. Each
 * family has a number of addresses and of requests at a full day of 120,000 events; both shrink
 * with the run.
 *
 * @module
 */
import type { Random } from "../../detect/random.ts";
import type { IpAddress } from "../../lib/events.ts";
import { chromeIdentity } from "./people.ts";
import { type Client, HOST, type Recorder } from "./recorder.ts";
import { logNormal, normal, pick } from "./sampling.ts";
import * as site from "./site.ts";
import { HTTP, TCP, withoutHeaders } from "./stacks.ts";
import { TLS } from "./tls_stacks.ts";

/** Length and size of a run. */
export interface BotPlan {
  readonly hours: number;
  /** Events of all clients, relative to 120,000. */
  readonly scale: number;
}

/** Networks that stand for those which operators of crawlers publish. */
export const GOOD_BOT_NETWORKS = [
  { prefix: "192.0.2.64/27", name: "googlebot" },
  { prefix: "192.0.2.96/27", name: "bingbot" },
  { prefix: "192.0.2.128/27", name: "example-monitor" },
] as const;

interface Family {
  readonly name: string;
  readonly tier: "easy" | "medium" | "hard";
  readonly addresses: number;
  /** Requests of one address at full size. */
  readonly requests: number;
  /** Addresses remain as many in a small run: a campaign is its number. */
  readonly campaign?: boolean;
  readonly run: (bot: Bot) => void;
}

/** What one bot has at hand. */
interface Bot {
  readonly recorder: Recorder;
  readonly random: Random;
  readonly truth: Client["truth"];
  /** 0.. within its family. */
  readonly index: number;
  /** About how many requests it makes. */
  readonly requests: number;
  /** Seconds of the run. */
  readonly seconds: number;
  /** A start so that `duration` seconds fit, if they can. */
  start(duration: number): number;
}

const FAMILIES: readonly Family[] = [
  {
    name: "go_scraper",
    tier: "easy",
    addresses: 8,
    requests: 400,
    run: goScraper,
  },
  {
    name: "py_requests",
    tier: "easy",
    addresses: 6,
    requests: 350,
    run: pyRequests,
  },
  {
    name: "curl_loop",
    tier: "easy",
    addresses: 4,
    requests: 450,
    run: curlLoop,
  },
  {
    name: "vuln_scanner",
    tier: "easy",
    addresses: 12,
    requests: 200,
    run: vulnScanner,
  },
  {
    name: "headless_chrome",
    tier: "medium",
    addresses: 10,
    requests: 100,
    run: headlessChrome,
  },
  {
    name: "cred_stuffing",
    tier: "medium",
    addresses: 120,
    requests: 3,
    campaign: true,
    run: credStuffing,
  },
  {
    name: "low_slow",
    tier: "hard",
    addresses: 200,
    requests: 6,
    campaign: true,
    run: lowSlow,
  },
  {
    name: "ja4_impersonator",
    tier: "hard",
    addresses: 25,
    requests: 40,
    run: impersonator,
  },
];

/** Adds the bad bots. */
export function addBots(
  recorder: Recorder,
  random: Random,
  plan: BotPlan,
): void {
  for (const family of FAMILIES) {
    const all = family.addresses * family.requests * plan.scale;
    const addresses = Math.max(
      family.campaign ? 6 : 1,
      Math.round(family.addresses * Math.sqrt(Math.min(1, plan.scale))),
    );
    const requests = family.campaign
      ? family.requests
      : Math.max(12, Math.round(all / addresses));
    const count = family.campaign
      ? Math.max(6, Math.round(family.addresses * plan.scale))
      : addresses;
    const seconds = plan.hours * 3600;
    for (let index = 0; index < count; index++) {
      family.run({
        recorder,
        random,
        truth: {
          label: "bot",
          family: family.name,
          tier: family.tier,
          actor: `${family.name}-${index}`,
          ...(family.campaign ? { campaign: family.name } : {}),
        },
        index,
        requests,
        seconds,
        start: (duration) => random.uniform() * Math.max(0, seconds - duration),
      });
    }
  }
}

/** Adds verified crawlers and a monitor: `requests` in all. */
export function addGoodBots(
  recorder: Recorder,
  random: Random,
  plan: BotPlan & { requests: number },
): void {
  const seconds = plan.hours * 3600;
  const every = Math.min(300, seconds / 4);
  const monitors = Math.max(1, Math.round(3 * Math.min(1, plan.scale)));
  for (let index = 0; index < monitors; index++) {
    const client = goodBot("example-monitor", index, {
      ip: `192.0.2.${130 + index}`,
      userAgent: "ExampleMonitor/2.1 (+https://monitor.example.net/about)",
    });
    for (let at = every * random.uniform(); at < seconds; at += every) {
      const connection = recorder.connect(client, at);
      recorder.ask(connection, {
        at,
        kind: "document",
        method: "HEAD",
        path: "/",
        status: 200,
        bytes: 0,
      });
    }
  }
  const goal = recorder.requests + plan.requests - monitors * seconds / every;
  for (let n = 0; recorder.requests < goal; n++) {
    const google = random.uniform() < 0.6;
    const client = goodBot(google ? "googlebot" : "bingbot", n, {
      ip: `192.0.2.${(google ? 66 : 98) + random.below(12)}`,
      userAgent: google
        ? "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
        : "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    });
    let at = random.uniform() * seconds;
    const connection = recorder.connect(client, at);
    const pages = 3 + random.below(20);
    for (let k = 0; k < pages; k++) {
      const index = random.below(site.PAGES);
      const roll = random.uniform();
      recorder.ask(connection, {
        at,
        kind: "document",
        path: roll < 0.03
          ? "/robots.txt"
          : roll < 0.09
          ? `/gone/${index}`
          : site.page(index),
        status: roll >= 0.03 && roll < 0.09 ? 404 : 200,
        bytes: roll < 0.03 ? 120 : site.pageBytes(index),
      });
      at += 2 + logNormal(random, 4, 0.6);
    }
  }
}

function goodBot(
  family: string,
  index: number,
  from: { ip: string; userAgent: string },
): Client {
  const monitor = family === "example-monitor";
  return {
    truth: { label: "good_bot", family, tier: "", actor: `${family}-${index}` },
    src_ip: from.ip as IpAddress,
    tls: monitor ? TLS.curl : TLS.wget,
    tcp: TCP.linux,
    http: monitor ? HTTP.monitor : HTTP.crawler,
    userAgent: from.userAgent,
    helloMs: 18,
    jitter: 0.03,
  };
}

/** An address of a data centre: 203.0.113.0/24. Each bot keeps its own. */
function dataCentre(family: number, index: number): IpAddress {
  return `203.0.113.${1 + family * 32 + index % 32}` as IpAddress;
}

/** An exit of a proxy network: among the homes of people. */
function exitAddress(random: Random): IpAddress {
  return `198.${18 + random.below(2)}.${random.below(256)}.${
    1 + random.below(254)
  }` as IpAddress;
}

function exitStack(
  random: Random,
): Pick<Client, "tcp" | "helloMs" | "jitter" | "proxyMs"> {
  const tcp = pick(random, [
    [40, TCP.linux],
    [30, TCP.android],
    [20, TCP.windows],
    [10, TCP.macos],
  ]);
  const near = logNormal(random, 40, 0.5);
  return { tcp, helloMs: near + 250, jitter: 0.12, proxyMs: 250 };
}

const WINDOWS_CHROME = chromeIdentity(150, "windows");
const EN_US = "en-US,en;q=0.9";

/** Documents one after another: `pauses` gives the seconds to the next. */
function fetchPages(
  bot: Bot,
  client: Client,
  pauses: {
    start: number;
    next: () => number;
    page?: () => number;
    reuse?: boolean;
    notFound?: number;
  },
): void {
  const { recorder, random } = bot;
  let at = pauses.start;
  let connection = recorder.connect(client, at);
  for (let n = 0; n < bot.requests; n++) {
    const index = pauses.page?.() ?? random.below(site.PAGES);
    const missing = random.uniform() < (pauses.notFound ?? 0);
    if (pauses.reuse === false && n > 0) {
      connection = recorder.connect(client, at);
    }
    recorder.ask(connection, {
      at,
      kind: "document",
      path: missing ? `/missing/${index}` : site.page(index),
      status: missing ? 404 : 200,
      bytes: missing ? 1400 : site.pageBytes(index),
      site: "none",
    });
    at += pauses.next();
  }
}

function goScraper(bot: Bot): void {
  const { random, index } = bot;
  const posing = index % 2 === 0;
  let next = random.below(site.PAGES);
  fetchPages(bot, {
    truth: bot.truth,
    src_ip: dataCentre(0, index),
    tls: index % 3 === 0 ? TLS.go119 : TLS.go124,
    tcp: TCP.dataCentre,
    http: posing ? HTTP.goTyped : HTTP.go,
    userAgent: posing ? WINDOWS_CHROME.userAgent : "Go-http-client/2.0",
    language: posing ? EN_US : undefined,
    helloMs: 14,
    jitter: 0.04,
  }, {
    start: bot.start(bot.requests / 3),
    next: () => 1 / 3,
    page: () => next++ % site.PAGES,
  });
}

function pyRequests(bot: Bot): void {
  const { random, index } = bot;
  fetchPages(bot, {
    truth: bot.truth,
    src_ip: dataCentre(1, index),
    tls: TLS.requests,
    tcp: TCP.dataCentre,
    http: HTTP.requests,
    userAgent: index % 2 === 0
      ? "python-requests/2.32.3"
      : WINDOWS_CHROME.userAgent,
    helloMs: 16,
    jitter: 0.05,
  }, {
    start: bot.start(bot.requests * 2),
    next: () => 2 * (0.85 + 0.3 * random.uniform()),
    notFound: 0.1,
    reuse: index % 3 === 0,
  });
}

function curlLoop(bot: Bot): void {
  const { index } = bot;
  let next = 0;
  fetchPages(bot, {
    truth: bot.truth,
    src_ip: dataCentre(2, index),
    tls: TLS.curl,
    tcp: TCP.linux,
    http: HTTP.curl,
    userAgent: "curl/7.88.1",
    helloMs: 20,
    jitter: 0.05,
  }, {
    start: bot.start(bot.requests * 10),
    next: () => 10,
    page: () => next++ % 20,
    reuse: false,
  });
}

function vulnScanner(bot: Bot): void {
  const { recorder, random, index } = bot;
  const client: Client = {
    truth: bot.truth,
    src_ip: dataCentre(3, index),
    tls: TLS.goNoSni,
    tcp: TCP.dataCentre,
    http: HTTP.goOneOne,
    userAgent: index % 4 === 0
      ? "Mozilla/5.0 (compatible; ExampleScan/1.0)"
      : "Go-http-client/1.1",
    helloMs: 22,
    jitter: 0.08,
  };
  let at = bot.start(bot.requests / 15);
  let connection = recorder.connect(client, at);
  for (let n = 0; n < bot.requests; n++) {
    if (n % 20 === 19) connection = recorder.connect(client, at);
    const miss = random.uniform() < 0.85;
    recorder.ask(connection, {
      at,
      kind: "document",
      method: random.uniform() < 0.1
        ? pick(random, [[1, "HEAD"], [1, "OPTIONS"], [1, "PUT"]])
        : "GET",
      path: site.PROBES[random.below(site.PROBES.length)] as string,
      status: miss ? 404 : random.uniform() < 0.5 ? 403 : 200,
      bytes: miss ? 1400 : 600,
    });
    at += 1 / 15;
  }
}

/** Documents with scripts and styles, no images, a new profile each session. */
function headlessChrome(bot: Bot): void {
  const { recorder, random, index } = bot;
  const posing = index % 2 === 0;
  const named = chromeIdentity(150, "linux");
  const client: Client = {
    truth: bot.truth,
    src_ip: dataCentre(4, index),
    tls: TLS.chrome150,
    tcp: TCP.docker,
    http: HTTP.chrome,
    ...(posing ? WINDOWS_CHROME : {
      ...named,
      userAgent: named.userAgent?.replace("Chrome/", "HeadlessChrome/"),
    }),
    language: EN_US,
    helloMs: 15,
    jitter: 0.05,
  };
  let at = bot.start(bot.requests);
  for (let made = 0; made < bot.requests;) {
    const connection = recorder.connect(client, at);
    for (let pages = 4 + random.below(5); pages > 0; pages--) {
      const index = random.below(site.PAGES);
      const path = site.page(index);
      recorder.ask(connection, {
        at,
        kind: "document",
        path,
        status: 200,
        bytes: site.pageBytes(index),
        site: "none",
      });
      made++;
      const assets = site.COMMON_ASSETS.filter(([, dest]) =>
        dest === "script" || dest === "style"
      );
      if (pages % 4 === 0) {
        for (const [asset, dest] of assets) {
          recorder.ask(connection, {
            at: at + 0.15 + 0.02 * random.uniform(),
            kind: "asset",
            path: asset,
            status: 200,
            bytes: 20_000,
            referrer: `https://${HOST}${path}`,
            dest,
          });
          made++;
        }
      }
      at += Math.max(0.5, 4 + 0.4 * normal(random));
    }
    at += 60 + 600 * random.uniform();
  }
}

/** One to five attempts an address over three hours, by proxies, in one wrong header order. */
function credStuffing(bot: Bot): void {
  const { recorder, random } = bot;
  const client: Client = {
    truth: bot.truth,
    src_ip: exitAddress(random),
    ...exitStack(random),
    tls: TLS.chrome131,
    http: withoutHeaders(HTTP.chrome, ["cache-control", "sec-fetch-user"]),
    ...chromeIdentity(131, "windows"),
    language: EN_US,
  };
  const span = Math.min(bot.seconds, 3 * 3600);
  let at = (bot.seconds - span) / 2 + span * random.uniform();
  const connection = recorder.connect(client, at);
  for (let n = 1 + random.below(bot.requests * 2 - 1); n > 0; n--) {
    const good = random.uniform() < 0.01;
    recorder.ask(connection, {
      at,
      kind: "form",
      method: "POST",
      path: site.SIGN_IN,
      status: good ? 302 : random.uniform() < 0.98 ? 401 : 429,
      bytes: good ? 300 : 5300,
      referrer: `https://${HOST}${site.SIGN_IN}`,
    });
    at += logNormal(random, 20, 0.5);
  }
}

/** Six documents an address, slowly, over any page alike. */
function lowSlow(bot: Bot): void {
  const { random } = bot;
  fetchPages(bot, {
    truth: bot.truth,
    src_ip: exitAddress(random),
    ...exitStack(random),
    tls: TLS.chrome142,
    http: withoutHeaders(HTTP.chrome, ["priority"]),
    ...chromeIdentity(142, "windows"),
    language: EN_US,
  }, {
    start: bot.start(bot.requests * 90),
    next: () => logNormal(random, 90, 0.7),
  });
}

/** An old Chrome's handshake under a new Chrome's name, with an order of its own. */
function impersonator(bot: Bot): void {
  const { random, index } = bot;
  const names = HTTP.firefox.order.document.filter((name) => name !== "te");
  const order = [
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    ...names,
  ];
  const proxied = index % 2 === 0;
  fetchPages(bot, {
    truth: bot.truth,
    src_ip: proxied ? exitAddress(random) : dataCentre(5, index),
    ...(proxied
      ? exitStack(random)
      : { tcp: TCP.linux, helloMs: 25, jitter: 0.06 }),
    tls: TLS.chrome131,
    http: {
      ...HTTP.chrome,
      order: { document: order, asset: order, form: order, fetch: order },
    },
    ...WINDOWS_CHROME,
    language: EN_US,
  }, {
    start: bot.start(bot.requests * 10),
    next: () => logNormal(random, 8, 0.5),
  });
}
