/**
 * Bots whose operators publish the networks they come from. A client that names one of them and
 * comes from elsewhere lies; its reverse name would prove nothing, for whoever owns an address
 * writes it. The table `ref_bots` adds to this list.
 *
 * Sources: developers.google.com/search/apis/ipranges/googlebot.json (the containing /19 and /48),
 * bing.com/toolbox/bingbot.json, search.developer.apple.com/applebot.json.
 *
 * @module
 */
import type { IpAddress } from "../lib/events.ts";
import { NetworkSet } from "../lib/ip_filter.ts";

/** A bot with published networks. */
export interface KnownBot {
  readonly name: string;
  /** What its User-Agent contains. */
  readonly token: RegExp;
  readonly networks: NetworkSet;
}

/** All of them. */
export const KNOWN_BOTS: readonly KnownBot[] = [
  known("googlebot", /googlebot|google-inspectiontool|storebot-google/i, [
    "66.249.64.0/19",
    "2001:4860:4801::/48",
  ]),
  known("bingbot", /bingbot|bingpreview|adidxbot/i, [
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
  ]),
  known("applebot", /applebot/i, [
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
  ]),
];

/** What is known of a client's claim to be a bot. */
export interface BotStanding {
  /** Name of the bot whose network holds the address; empty if none. */
  readonly verified: string;
  /** Name of a known bot that it claims to be without being it; empty if none. */
  readonly falselyClaimed: string;
}

/** Compares the claim with the address. `listed`: name that the database has for the network. */
export function botStanding(
  client: { src_ip: IpAddress; user_agent: string; listed: string },
): BotStanding {
  if (client.listed !== "") {
    return { verified: client.listed, falselyClaimed: "" };
  }
  const bot = KNOWN_BOTS.find(({ token }) => token.test(client.user_agent));
  if (bot === undefined) return { verified: "", falselyClaimed: "" };
  return bot.networks.has(client.src_ip)
    ? { verified: bot.name, falselyClaimed: "" }
    : { verified: "", falselyClaimed: bot.name };
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

function known(
  name: string,
  token: RegExp,
  prefixes: readonly string[],
): KnownBot {
  return { name, token, networks: new NetworkSet(prefixes) };
}
