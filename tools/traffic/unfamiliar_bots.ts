/** Bots of families that the other generator does not have. @module */
import type { Random } from "../../detect/random.ts";
import type { IpAddress } from "../../lib/events.ts";
import {
  type Client,
  HOST,
  type OpenConnection,
  type Recorder,
} from "./recorder.ts";
import { exponential, logNormal, pick } from "./sampling.ts";
import { HTTP, TCP } from "./stacks.ts";
import { TLS } from "./tls_stacks.ts";
import { chromium, homeAddress, PAGES, type Site } from "./unfamiliar_world.ts";

interface Bot {
  readonly recorder: Recorder;
  readonly random: Random;
  readonly site: Site;
  readonly truth: Client["truth"];
  readonly index: number;
  /** Seconds from the start of the run, with room for an hour and a half. */
  readonly start: number;
}

interface Family {
  readonly tier: "easy" | "medium" | "hard";
  /** At 120,000 events. */
  readonly addresses: number;
  readonly run: (bot: Bot) => void;
}

/** By name; how hard to tell is judged by what is left to tell them by. */
const FAMILIES: Readonly<Record<string, Family>> = {
  selenium: { tier: "hard", addresses: 12, run: selenium },
  rotating_agents: { tier: "medium", addresses: 60, run: rotatingAgents },
  api_abuser: { tier: "easy", addresses: 10, run: apiAbuser },
  login_stuffing: { tier: "medium", addresses: 70, run: loginStuffing },
  image_scraper: { tier: "medium", addresses: 12, run: imageScraper },
  price_bot: { tier: "hard", addresses: 25, run: priceBot },
  h2_library: { tier: "easy", addresses: 15, run: h2Library },
  false_googlebot: { tier: "easy", addresses: 8, run: falseGooglebot },
};

/** Adds all families. */
export function addUnfamiliarBots(
  recorder: Recorder,
  random: Random,
  plan: { site: Site; seconds: number; scale: number },
): void {
  for (const [family, { tier, addresses, run }] of Object.entries(FAMILIES)) {
    const count = Math.max(3, Math.round(addresses * plan.scale));
    for (let index = 0; index < count; index++) {
      run({
        recorder,
        random,
        site: plan.site,
        truth: { label: "bot", family, tier, actor: `${family}-${index}` },
        index,
        start: random.uniform() * Math.max(0, plan.seconds - 5400),
      });
    }
  }
}

/** Data centres of 203.0.113.0/24, several bots to an address space. */
function rented(index: number, family: number): IpAddress {
  return `203.0.113.${1 + family * 30 + index % 30}` as IpAddress;
}

const EN_US = "en-US,en;q=0.9";
/** Asks for a page of the site, query and all. */
function fetchPage(
  bot: Bot,
  connection: OpenConnection,
  at: number,
  page: string,
  more: { referrer?: string; cookies?: number; status?: number } = {},
): void {
  const [path = "", query] = page.split("?");
  bot.recorder.ask(connection, {
    at,
    kind: "document",
    path,
    ...(query === undefined ? {} : { query }),
    status: 200,
    bytes: bot.site.bytes(page),
    ...(more.referrer === undefined ? { site: "none" as const } : {}),
    ...more,
  });
}

/** A real browser driven by a script: everything fits but the pace, the order of pages and an empty profile. */
function selenium(bot: Bot): void {
  const { recorder, random, site, index } = bot;
  const client: Client = {
    truth: bot.truth,
    src_ip: rented(index, 0),
    tls: TLS.chrome160,
    http: HTTP.chrome,
    ...chromium(160, "linux"),
    language: EN_US,
    helloMs: 18,
    jitter: 0.06,
  };
  let at = bot.start;
  let next = random.below(PAGES);
  for (let session = 0; session < 4; session++) {
    const connection = recorder.connect(client, at);
    const cached = new Set<string>();
    let referrer: string | undefined;
    for (let n = 0; n < 12; n++) {
      const page = site.pageAt(next++ % PAGES);
      fetchPage(bot, connection, at, page, {
        ...(referrer === undefined ? {} : { referrer }),
        cookies: n > 0 ? 3 : 0,
      });
      referrer = `https://${HOST}${page.split("?")[0]}`;
      let after = at + 0.2;
      for (const [path, dest] of site.assets(random)) {
        if (cached.has(path)) continue;
        cached.add(path);
        after += exponential(random, 0.02);
        recorder.ask(connection, {
          at: after,
          kind: "asset",
          path,
          status: 200,
          bytes: 20_000,
          dest,
          referrer,
          cookies: 3,
        });
      }
      at += 5 + logNormal(random, 7, 0.3);
    }
    at += 30;
  }
}

/** Through homes of others, one agent after another under one library's handshake. */
function rotatingAgents(bot: Bot): void {
  const { recorder, random, site } = bot;
  let at = bot.start;
  const base = {
    truth: bot.truth,
    src_ip: homeAddress(random),
    tls: TLS.chrome131,
    http: HTTP.chrome,
    language: EN_US,
    helloMs: 240 + logNormal(random, 40, 0.5),
    jitter: 0.15,
    proxyMs: 190,
  };
  const stack = pick(random, [[3, TCP.android], [3, TCP.linux], [
    4,
    TCP.windows,
  ]]);
  for (let n = 0; n < 12; n++) {
    const version = 126 + random.below(35);
    const connection = recorder.connect({
      ...base,
      ...chromium(version, random.uniform() < 0.5 ? "windows" : "macos"),
      tcp: stack,
    }, at);
    fetchPage(bot, connection, at, site.pageAt(random.below(PAGES)));
    at += logNormal(random, 40, 0.6);
  }
}

/** Counts through an API with the library that apps use. */
function apiAbuser(bot: Bot): void {
  const { recorder, random, index } = bot;
  const connection = recorder.connect({
    truth: bot.truth,
    src_ip: rented(index, 1),
    tls: TLS.okhttp,
    tcp: TCP.linux,
    http: HTTP.okhttp,
    userAgent: "okhttp/4.12.0",
    helloMs: 22,
    jitter: 0.08,
  }, bot.start);
  let at = bot.start;
  for (let n = 0; n < 150; n++) {
    recorder.ask(connection, {
      at,
      kind: "fetch",
      path: `/api/items/${10_000 + index * 1000 + n}`,
      status: random.uniform() < 0.1 ? 404 : 200,
      bytes: 700 + random.below(300),
    });
    at += 1.5 + random.uniform();
  }
}

/** Passwords tried with a browser's handshake and headers, a few from each address. */
function loginStuffing(bot: Bot): void {
  const { recorder, random } = bot;
  const client: Client = {
    truth: bot.truth,
    src_ip: homeAddress(random),
    tls: TLS.chrome142,
    http: HTTP.chrome,
    ...chromium(142, "macos"),
    tcp: pick(random, [[5, TCP.linux], [3, TCP.android], [2, TCP.macos]]),
    language: EN_US,
    helloMs: 210 + logNormal(random, 40, 0.5),
    jitter: 0.12,
    proxyMs: 170,
  };
  let at = bot.start;
  const connection = recorder.connect(client, at);
  for (let n = 2 + random.below(4); n > 0; n--) {
    recorder.ask(connection, {
      at,
      kind: "form",
      method: "POST",
      path: "/session/login",
      status: random.uniform() < 0.97 ? 401 : 302,
      bytes: 900,
      referrer: `https://${HOST}/session/login`,
    });
    at += logNormal(random, 9, 0.4);
  }
}

/** Nothing but images, one after another, under a browser's name. */
function imageScraper(bot: Bot): void {
  const { recorder, random, index } = bot;
  const connection = recorder.connect({
    truth: bot.truth,
    src_ip: rented(index, 2),
    tls: TLS.proxyBox,
    http: { ...HTTP.requests, acceptAsset: "image/*" },
    ...chromium(156, "windows"),
    clientHints: undefined,
    tcp: TCP.linux,
    helloMs: 26,
    jitter: 0.08,
  }, bot.start);
  let at = bot.start;
  for (let n = 0; n < 120; n++) {
    recorder.ask(connection, {
      at,
      kind: "asset",
      path: `/image/${index * 300 + n}/w640`,
      status: random.uniform() < 0.05 ? 404 : 200,
      bytes: 10_000 + random.below(60_000),
    });
    at += 0.4 + 0.3 * random.uniform();
  }
}

/** The same pages once a minute over one connection, with a browser's handshake and nearly its headers. */
function priceBot(bot: Bot): void {
  const { recorder, random, site, index } = bot;
  const connection = recorder.connect({
    truth: bot.truth,
    src_ip: index % 2 === 0 ? homeAddress(random) : rented(index, 3),
    tls: TLS.chrome142,
    http: HTTP.chrome,
    ...chromium(142, "windows"),
    tcp: TCP.linux,
    language: EN_US,
    helloMs: 35,
    jitter: 0.1,
  }, bot.start);
  const watched = Array.from({ length: 20 }, () => random.below(PAGES));
  let at = bot.start;
  for (let n = 0; n < 80; n++) {
    fetchPage(bot, connection, at, site.pageAt(watched[n % 20] as number), {
      cookies: n > 0 ? 1 : 0,
    });
    at += 60 + 4 * random.uniform();
  }
}

/** A library with HTTP/2 and the headers of Chrome, copied to the letter. */
function h2Library(bot: Bot): void {
  const { recorder, random, site, index } = bot;
  const connection = recorder.connect({
    truth: bot.truth,
    src_ip: rented(index, 4),
    tls: TLS.nodeH2,
    http: HTTP.chrome,
    ...chromium(160, "windows"),
    tcp: TCP.linux,
    language: EN_US,
    helloMs: 20,
    jitter: 0.06,
  }, bot.start);
  let at = bot.start;
  for (let n = 0; n < 60; n++) {
    fetchPage(bot, connection, at, site.pageAt(random.below(PAGES)));
    at += logNormal(random, 6, 0.6);
  }
}

/** Says that it is Googlebot, from a data centre. */
function falseGooglebot(bot: Bot): void {
  const { recorder, random, site, index } = bot;
  const connection = recorder.connect({
    truth: bot.truth,
    src_ip: rented(index, 5),
    tls: TLS.go124,
    tcp: TCP.linux,
    http: HTTP.crawler,
    userAgent:
      "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    helloMs: 20,
    jitter: 0.05,
  }, bot.start);
  let at = bot.start;
  for (let n = 0; n < 40; n++) {
    fetchPage(bot, connection, at, site.pageAt(random.below(PAGES)));
    at += 2 + logNormal(random, 3, 0.5);
  }
}
