import assert from "node:assert/strict";
import type { IpAddress } from "../lib/events.ts";
import {
  claimKey,
  confirm,
  nameServerResolver,
  type NameStandings,
  reverseName,
} from "./bot_names.ts";
import { botStanding, KNOWN_BOTS } from "./known_bots.ts";
import { type DnsZone, serveDns } from "./testing_dns.ts";

const GOOGLEBOT = KNOWN_BOTS.find(({ name }) => name === "googlebot");

const ZONE: DnsZone = {
  "3.113.0.203.in-addr.arpa": { PTR: ["crawl-3.googlebot.com"] },
  "crawl-3.googlebot.com": { A: ["203.0.113.3"] },
  // Whoever owns 203.0.113.4 writes its reverse name, but not what is below googlebot.com.
  "4.113.0.203.in-addr.arpa": { PTR: ["crawl-4.googlebot.com"] },
  "crawl-4.googlebot.com": { A: ["66.249.66.4"] },
  "5.113.0.203.in-addr.arpa": { PTR: ["googlebot.com.example.net"] },
  "googlebot.com.example.net": { A: ["203.0.113.5"] },
  [reverseName("2001:db8::7" as IpAddress)]: { PTR: ["v6.googlebot.com"] },
  "v6.googlebot.com": { AAAA: ["2001:db8::7"] },
  "9.113.0.203.in-addr.arpa": "fails",
};

Deno.test("confirm() by a real name server: forward must lead back, no answer says nothing", async () => {
  await using dns = serveDns(ZONE);
  const resolver = nameServerResolver({
    hostname: "127.0.0.1",
    port: dns.port,
  });
  const check = async (src_ip: string) =>
    (await confirm(
      { src_ip: src_ip as IpAddress, bot: GOOGLEBOT as never },
      resolver,
    )).standing;
  assert.equal(await check("203.0.113.3"), "verified");
  assert.equal(await check("203.0.113.4"), "false", "a forged reverse name");
  assert.equal(await check("203.0.113.5"), "false", "another domain");
  assert.equal(await check("203.0.113.6"), "false", "no name at all");
  assert.equal(await check("2001:db8::7"), "verified");
  assert.equal(await check("203.0.113.9"), "unknown", "the server failed");
});

Deno.test("botStanding() goes by networks first, then by names", () => {
  const google = "Mozilla/5.0 (compatible; Googlebot/2.1)";
  const standing = (
    src_ip: string,
    names?: NameStandings,
    user_agent = google,
  ) =>
    botStanding({ src_ip: src_ip as IpAddress, user_agent, listed: "" }, names);
  const said = (answer: "verified" | "false" | "unknown", bot = "googlebot") =>
    new Map([[claimKey("203.0.113.3", bot), answer]]);
  assert.equal(standing("66.249.66.1").verified, "googlebot");
  assert.equal(standing("203.0.113.3").falselyClaimed, "googlebot");
  assert.equal(standing("203.0.113.3", said("verified")).verified, "googlebot");
  assert.equal(
    standing("203.0.113.3", said("false")).falselyClaimed,
    "googlebot",
  );
  assert.deepEqual(standing("203.0.113.3", said("unknown")), {
    verified: "",
    falselyClaimed: "",
  });
  const yandex = "Mozilla/5.0 (compatible; YandexBot/3.0)";
  assert.deepEqual(standing("203.0.113.3", undefined, yandex), {
    verified: "",
    falselyClaimed: "",
  });
  assert.equal(
    standing("203.0.113.3", said("false", "yandexbot"), yandex).falselyClaimed,
    "yandexbot",
  );
});
