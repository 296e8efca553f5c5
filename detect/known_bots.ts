/**
 * Bots whose operators publish the networks they come from, or the domain of their reverse names. A
 * client that names one of them and is neither lies. The table `ref_bots` adds networks.
 *
 * Sources: developers.google.com/search/apis/ipranges/googlebot.json (the containing /19 and /48),
 * bing.com/toolbox/bingbot.json, search.developer.apple.com/applebot.json; the domains are those that
 * the operators name for verification by reverse and forward DNS.
 *
 * @module
 */
import type { IpAddress } from "../lib/events.ts";
import { type Claim, claimKey, type NameStandings } from "./bot_names.ts";
import { NetworkSet } from "../lib/ip_filter.ts";

/** A bot that can be verified. */
export interface KnownBot {
  readonly name: string;
  /** What its User-Agent contains. */
  readonly token: RegExp;
  /** Published networks; empty where the operator publishes none. */
  readonly networks: readonly string[];
  /** Domains that its reverse names end in. */
  readonly domains: readonly string[];
}

/** All of them. */
export const KNOWN_BOTS: readonly KnownBot[] = [
  {
    name: "googlebot",
    token: /googlebot|google-inspectiontool|storebot-google/i,
    networks: ["66.249.64.0/19", "2001:4860:4801::/48"],
    domains: ["googlebot.com", "google.com"],
  },
  {
    name: "bingbot",
    token: /bingbot|bingpreview|adidxbot/i,
    domains: ["search.msn.com"],
    networks: [
      "13.66.139.0/24",
      "13.66.144.0/24",
      "13.67.10.16/28",
      "13.69.66.240/28",
      "13.71.172.224/28",
      "20.15.133.160/27",
      "20.36.108.32/28",
      "20.43.120.16/28",
      "20.74.197.0/28",
      "20.79.107.240/28",
      "20.125.163.80/28",
      "40.77.139.0/25",
      "40.77.167.0/24",
      "40.77.177.0/24",
      "40.77.178.0/23",
      "40.77.188.0/22",
      "40.77.202.0/24",
      "40.79.131.208/28",
      "40.79.186.176/28",
      "51.105.67.0/28",
      "52.167.144.0/24",
      "52.231.148.0/28",
      "65.55.210.0/24",
      "139.217.52.0/28",
      "157.55.39.0/24",
      "191.233.204.224/28",
      "199.30.24.0/23",
      "207.46.13.0/24",
    ],
  },
  {
    name: "applebot",
    token: /applebot/i,
    domains: ["applebot.apple.com"],
    networks: [
      "17.22.237.0/24",
      "17.22.245.0/24",
      "17.22.253.0/24",
      "17.241.75.0/24",
      "17.241.193.160/27",
      "17.241.200.160/27",
      "17.241.208.160/27",
      "17.241.219.0/24",
      "17.241.227.0/24",
      "17.246.15.0/24",
      "17.246.19.0/24",
      "17.246.23.0/24",
    ],
  },
  byName("yandexbot", /yandex(?:bot|images|mobilebot|metrika)/i, [
    "yandex.ru",
    "yandex.net",
    "yandex.com",
  ]),
  byName("baiduspider", /baiduspider/i, ["baidu.com", "baidu.jp"]),
  byName("seznambot", /seznambot/i, ["seznam.cz"]),
  byName("ahrefsbot", /ahrefsbot/i, ["ahrefs.com", "ahrefs.net"]),
  byName("petalbot", /petalbot/i, ["petalsearch.com"]),
];

/** By name, what botStanding asks. */
const NETWORKS = new Map(
  KNOWN_BOTS.map(({ name, networks }) => [name, new NetworkSet(networks)]),
);

/** What is known of a client's claim to be a bot. */
export interface BotStanding {
  /** Name of the bot whose network holds the address; empty if none. */
  readonly verified: string;
  /** Name of a known bot that it claims to be without being it; empty if none. */
  readonly falselyClaimed: string;
}

/**
 * Compares the claim with the address. `listed`: name that the database has for the network.
 * `names`: what DNS says; without it the published networks decide alone.
 */
export function botStanding(
  client: { src_ip: IpAddress; user_agent: string; listed: string },
  names?: NameStandings,
): BotStanding {
  if (client.listed !== "") {
    return { verified: client.listed, falselyClaimed: "" };
  }
  const bot = claimedBot(client.user_agent);
  if (bot === undefined) return { verified: "", falselyClaimed: "" };
  if (NETWORKS.get(bot.name)?.has(client.src_ip)) {
    return { verified: bot.name, falselyClaimed: "" };
  }
  const byName = names?.get(claimKey(client.src_ip, bot.name)) ??
    (bot.networks.length > 0 ? "false" : "unknown");
  return {
    verified: byName === "verified" ? bot.name : "",
    falselyClaimed: byName === "false" ? bot.name : "",
  };
}

/** The claims that DNS must decide: bots by their own word, not from a network that is known. */
export function claimsOf(
  clients: readonly {
    src_ip: IpAddress;
    user_agent: string;
    bot_name: string;
  }[],
): Claim[] {
  return clients.flatMap(({ src_ip, user_agent, bot_name }) => {
    const bot = bot_name === "" ? claimedBot(user_agent) : undefined;
    return bot === undefined || NETWORKS.get(bot.name)?.has(src_ip)
      ? []
      : [{ src_ip, bot }];
  });
}

function claimedBot(userAgent: string): KnownBot | undefined {
  return KNOWN_BOTS.find(({ token }) => token.test(userAgent));
}

/** A web or mail address, as a User-Agent gives it: browsers have none. */
const CONTACT = /https?:\/\/|\bwww\.|[\w.-]+@[\w-]+\.\w/i;

/**
 * Whether the client says what it is and where its operator can be asked: a feed reader, a monitor,
 * a crawler. It is no browser and does not claim to be one; what it does is another matter.
 */
export function namesItsOperator(
  client: { user_agent: string; user_agents: number },
  standing: BotStanding,
): boolean {
  return client.user_agents === 1 && standing.falselyClaimed === "" &&
    CONTACT.test(client.user_agent);
}

function byName(
  name: string,
  token: RegExp,
  domains: readonly string[],
): KnownBot {
  return { name, token, networks: [], domains };
}
