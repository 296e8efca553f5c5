/**
 * Labelled traffic that resembles the other generator's as little as one site does another: other
 * browsers, another site, other habits of people and other families of bots. It is for measuring
 * alone: nothing is learned or tuned on it. Equal options give equal events.
 *
 * @module
 */
import { Random } from "../../detect/random.ts";
import type { IpAddress, UnixMicros } from "../../lib/events.ts";
import { addUnfamiliarBots } from "./unfamiliar_bots.ts";
import { type Client, HOST, Recorder, type Traffic } from "./recorder.ts";
import { exponential, logNormal, normal, pick } from "./sampling.ts";
import {
  chromium,
  homeAddress,
  PAGES,
  type Site,
  siteOf,
} from "./unfamiliar_world.ts";
import { HTTP, type HttpStack, TCP } from "./stacks.ts";
import { TLS } from "./tls_stacks.ts";
import type { TrafficOptions } from "./generate.ts";

/** Headers of Chrome with one that Brave adds. */
const BRAVE = inserted(HTTP.chrome, "sec-gpc", "accept-encoding");
const NO_FETCH_SAFARI = inserted(HTTP.safari, "", "");

function inserted(stack: HttpStack, name: string, before: string): HttpStack {
  const change = (names: readonly string[]) =>
    name === ""
      ? names.filter((other) => !other.startsWith("sec-fetch"))
      : names.flatMap((other) => other === before ? [name, other] : [other]);
  const { document, asset, form, fetch } = stack.order;
  return {
    ...stack,
    order: {
      document: change(document),
      asset: change(asset),
      form: change(form),
      fetch: change(fetch),
    },
  };
}

/** Client of a person, without address and label. */
type Look = Omit<Client, "truth" | "src_ip" | "helloMs" | "jitter"> & {
  readonly mobile: boolean;
};

const LANGUAGES = [
  [40, "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7"],
  [25, "ja,en-US;q=0.9,en;q=0.8"],
  [15, "pl-PL,pl;q=0.9,en;q=0.7"],
  [12, "en-US,en;q=0.9"],
  [8, "ar"],
] as const;

function look(random: Random): Look {
  const language = pick(random, LANGUAGES);
  const system = pick(random, [
    [40, "windows" as const],
    [15, "macos" as const],
    [5, "linux" as const],
    [40, "android" as const],
  ]);
  const chrome = { http: HTTP.chrome, language };
  return pick<() => Look>(random, [
    [34, () => ({ ...chrome, ...chromium(160, system), tls: TLS.chrome160 })],
    [12, () => ({ ...chrome, ...chromium(156, system), tls: TLS.chromium156 })],
    [7, () => ({
      ...chrome,
      ...chromium(156, system, "Brave"),
      http: BRAVE,
      tls: TLS.chromium156,
    })],
    [10, () => ({
      ...chrome,
      ...chromium(131, "android", "Samsung Internet", "SamsungBrowser/29.0 "),
      tls: TLS.chrome131,
    })],
    [9, () => ({
      http: HTTP.firefox,
      language,
      mobile: false,
      tcp: TCP.windows,
      tls: TLS.firefoxEsr,
      userAgent:
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0",
    })],
    [20, () => ({
      http: HTTP.safari,
      language,
      mobile: true,
      tcp: TCP.ios,
      tls: TLS.safari26ios,
      userAgent:
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.2 Mobile/15E148 Safari/604.1",
    })],
    [4, () => ({
      http: NO_FETCH_SAFARI,
      language,
      mobile: false,
      tcp: TCP.macos,
      tls: TLS.safari15,
      userAgent:
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Safari/605.1.15",
    })],
  ])();
}

/** Generates a run: 82 % people, 5 % benign automation, the rest bots. */
export function generateUnfamiliar(options: TrafficOptions): Traffic {
  const { seed, hours, end, events } = options;
  const recorder = new Recorder(
    new Random(seed),
    (end - hours * 3600e6) as UnixMicros,
  );
  const site = siteOf(seed);
  const seconds = hours * 3600;
  addPeople(recorder, new Random(seed ^ 0x4000_0004), {
    site,
    seconds,
    requests: 0.82 * events,
  });
  addMachines(recorder, new Random(seed ^ 0x5000_0005), site, seconds);
  addUnfamiliarBots(recorder, new Random(seed ^ 0x6000_0006), {
    site,
    seconds,
    scale: events / 120_000,
  });
  return recorder.finish(end);
}

function addPeople(
  recorder: Recorder,
  random: Random,
  plan: { site: Site; seconds: number; requests: number },
): void {
  const goal = recorder.requests + plan.requests;
  // Offices: one address, one managed browser, many people.
  const offices = Array.from(
    { length: 6 },
    (_, n) => ({ ip: `198.51.100.${10 + n}` as IpAddress, look: look(random) }),
  );
  for (let n = 0; recorder.requests < goal; n++) {
    const at = plan.seconds * random.uniform();
    const family = pick(random, [
      [70, "ordinary"],
      [12, "nat"],
      [8, "roaming"],
      [4, "app"],
      [3, "heavy_reader"],
      [3, "opener_of_tabs"],
    ]);
    const office = offices[random.below(offices.length)] ?? { look: undefined };
    const { mobile, ...own } = family === "nat" && office.look !== undefined
      ? office.look
      : look(random);
    const client: Client = {
      ...own,
      truth: { label: "human", family, tier: "", actor: `person-${n}` },
      src_ip: family === "nat" && "ip" in office
        ? office.ip
        : homeAddress(random),
      helloMs: logNormal(random, mobile ? 75 : 30, 0.6),
      jitter: mobile ? 0.6 : 0.25,
    };
    if (family === "app") useApp(recorder, random, client, plan.site, at);
    else visit(recorder, random, client, plan.site, at);
  }
}

/** One visit, by the habits of the client's family. */
function visit(
  recorder: Recorder,
  random: Random,
  first: Client,
  site: Site,
  start: number,
): void {
  const { family } = first.truth;
  let client = first;
  let at = start;
  let connection = recorder.connect(client, at, {
    resume: random.uniform() < 0.4,
  });
  const pages = family === "heavy_reader"
    ? 40 + random.below(60)
    : Math.max(1, Math.round(logNormal(random, 3.5, 0.9)));
  const seen = new Set<string>();
  const known = random.uniform() < 0.5;
  const ask = (
    kind: "document" | "asset" | "fetch",
    path: string,
    more: { dest?: string; referrer?: string; site?: "none"; method?: string },
  ) => {
    const [bare = "", query] = path.split("?");
    recorder.ask(connection, {
      at,
      kind,
      path: bare,
      ...(query === undefined ? {} : { query }),
      status: kind === "document" && random.uniform() < 0.02 ? 404 : 200,
      bytes: kind === "document"
        ? site.bytes(path)
        : 300 + random.below(40_000),
      cookies: known || seen.size > 0 ? 3 : 0,
      ...more,
    });
  };
  let referrer: string | undefined = random.uniform() < 0.4
    ? "https://www.google.com/"
    : undefined;
  for (let n = 0; n < pages; n++) {
    const path = site.page(random);
    const here = `https://${HOST}${path.split("?")[0]}`;
    const fromApi = site.kind === "app" && n > 0;
    if (!fromApi) {
      ask("document", path, {
        ...(referrer === undefined ? { site: "none" } : { referrer }),
      });
    }
    for (const [asset, dest] of site.assets(random)) {
      if (fromApi || (seen.has(asset) && random.uniform() < 0.97)) continue;
      if (known && dest !== "image" && random.uniform() < 0.9) continue;
      seen.add(asset);
      at += exponential(random, 0.04);
      ask("asset", asset, { dest, referrer: here });
    }
    seen.add(path);
    if (site.kind !== "text") {
      for (let calls = random.below(fromApi ? 5 : 3); calls > 0; calls--) {
        at += exponential(random, 0.3);
        const api = site.api[random.below(site.api.length)] as string;
        ask("fetch", api, {
          referrer: here,
          ...(api === "/graphql" ? { method: "POST" } : {}),
        });
      }
    }
    referrer = random.uniform() < 0.1 ? undefined : here;
    const pause = family === "opener_of_tabs" && n % 5 !== 0
      ? 0.4 + random.uniform()
      : random.uniform() < 0.05
      ? logNormal(random, 500, 0.8)
      : logNormal(random, family === "heavy_reader" ? 8 : 22, 1.1);
    at += pause;
    const roams = family === "roaming" && random.uniform() < 0.25;
    if (roams) client = { ...client, src_ip: homeAddress(random) };
    if (roams || pause > 110) {
      connection = recorder.connect(client, at, {
        resume: random.uniform() < 0.65,
      });
    }
  }
}

/** The site's own app, on another library than the other generator's. */
function useApp(
  recorder: Recorder,
  random: Random,
  person: Client,
  site: Site,
  start: number,
): void {
  const { clientHints: _, ...rest } = person;
  const client: Client = {
    ...rest,
    tls: TLS.cfnetwork,
    tcp: TCP.ios,
    http: HTTP.cfnetwork,
    userAgent: "ShopMobile/7.2.1 (iPhone; iOS 18.6; Scale/3.00)",
  };
  let at = start;
  const connection = recorder.connect(client, at);
  for (let n = 4 + random.below(30); n > 0; n--) {
    recorder.ask(connection, {
      at,
      kind: "fetch",
      method: random.uniform() < 0.3 ? "POST" : "GET",
      path: site.api[random.below(site.api.length)] as string,
      status: random.uniform() < 0.01 ? 500 : 200,
      bytes: 200 + random.below(9000),
    });
    at += random.uniform() < 0.6 ? 0.3 : logNormal(random, 12, 0.9);
  }
}

/** Crawlers from their operators' networks, and what others run in the open: readers of feeds, monitors. */
function addMachines(
  recorder: Recorder,
  random: Random,
  site: Site,
  seconds: number,
): void {
  const machine = (
    family: string,
    index: number,
    look: { ip: string; userAgent: string },
  ): Client => ({
    truth: { label: "good_bot", family, tier: "", actor: `${family}-${index}` },
    src_ip: look.ip as IpAddress,
    tls: family === "feed_reader" ? TLS.go124 : TLS.wget,
    tcp: TCP.linux,
    http: family === "feed_reader" ? HTTP.go : HTTP.crawler,
    userAgent: look.userAgent,
    helloMs: 30,
    jitter: 0.1,
  });
  const crawlers = [
    [
      "googlebot",
      "66.249.66.",
      "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ],
    [
      "bingbot",
      "157.55.39.",
      "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    ],
    [
      "applebot",
      "17.241.75.",
      "Mozilla/5.0 (compatible; Applebot/0.1; +http://www.apple.com/go/applebot)",
    ],
  ] as const;
  for (const [family, prefix, userAgent] of crawlers) {
    for (let n = 0; n < 25; n++) {
      const client = machine(family, n, { ip: `${prefix}${5 + n}`, userAgent });
      let at = seconds * random.uniform();
      const connection = recorder.connect(client, at);
      for (let k = 4 + random.below(30); k > 0; k--) {
        const [path = "", query] = site.pageAt(random.below(PAGES)).split("?");
        recorder.ask(connection, {
          at,
          kind: "document",
          path,
          ...(query === undefined ? {} : { query }),
          status: random.uniform() < 0.05 ? 404 : 200,
          bytes: 9000 + random.below(20_000),
        });
        at += 3 + logNormal(random, 6, 0.8);
      }
    }
  }
  const polls = (
    client: Client,
    every: number,
    path: string,
    method: "GET" | "HEAD",
  ) => {
    for (let at = every * random.uniform(); at < seconds; at += every) {
      const connection = recorder.connect(client, at);
      recorder.ask(connection, {
        at: Math.max(0, at + 2 * normal(random)),
        kind: "document",
        method,
        path,
        status: method === "HEAD" || random.uniform() < 0.2 ? 200 : 304,
        bytes: 0,
      });
    }
  };
  for (let n = 0; n < 12; n++) {
    polls(
      machine("feed_reader", n, {
        ip: `198.51.100.${100 + n}`,
        userAgent: n % 2 === 0
          ? "FreshRSS/1.24.3 (Linux; https://freshrss.org)"
          : "Miniflux/2.2 (https://miniflux.app)",
      }),
      1800,
      "/feed.xml",
      "GET",
    );
  }
  for (let n = 0; n < 3; n++) {
    polls(
      machine("monitor", n, {
        ip: `198.51.100.${150 + n}`,
        userAgent:
          "Mozilla/5.0 (compatible; PingWatch/3.0; +https://pingwatch.example)",
      }),
      300,
      "/",
      "HEAD",
    );
  }
}
