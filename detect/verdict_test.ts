import assert from "node:assert/strict";
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import { CAMPAIGN_ADDRESSES_MIN, findCampaigns } from "./campaigns.ts";
import { buildModel, isAppWindow, type ModelBody } from "./detector_model.ts";
import { type Label, LabelSet } from "./labels.ts";
import { Learned, type LearnedTables } from "./learned.ts";
import { ClientLists, type ListEntry } from "./lists.ts";
import prior from "./prior.json" with { type: "json" };
import { CHROME, windowFacts } from "./testing.ts";
import { judge, reasonsOf, type VerdictOptions } from "./verdict.ts";
import type { WindowFacts } from "./windows.ts";
import { wordingOf } from "./wording.ts";

const shipped = prior as unknown as ModelBody;
const origin = {
  learning: true,
  trainedOn: { from: 0, to: 0 } as unknown as Parameters<
    typeof buildModel
  >[1]["trainedOn"],
};
const learningModel = await buildModel(shipped, origin);
const ownModel = await buildModel(shipped, { ...origin, learning: false });

function check(
  windows: readonly WindowFacts[],
  entries: readonly ListEntry[] = [],
  model = ownModel,
  more: Partial<VerdictOptions> = {},
): ReturnType<typeof judge> {
  return judge(windows, model, {
    alarmRate: 0.001,
    rules: new Map(),
    lists: new ClientLists(entries),
    labels: new LabelSet([]),
    ...more,
  });
}

/** A script that fetches pages under Chrome's name, and nothing of it fits. */
const SCRIPT: Partial<WindowFacts> = {
  ja4: "t13d4312h1_c7886603b240_b26ce05bbdd6",
  requests: 300,
  documents: 300,
  assets: 0,
  orders: 1,
  hint_mismatches: 300,
  without_sec_fetch: 300,
  without_language: 300,
  later_without_referrer: 299,
  later_without_cookie: 299,
  cold_bits: 9,
  pause_count: 299,
  pause_cv: 0.05,
  pause_mode_share: 1,
  pause_bits_missing: 4,
  signatures: [[{
    ...CHROME,
    kind: "get",
    stable_order: "user-agent,accept-encoding,accept",
    tcp_signature: "64|2-4-8-1-3|7",
    tcp_mss: 8961,
    accept_encoding: "gzip, deflate",
    accept_language: "",
  }, 300]],
};

Deno.test("judge() shows a script and not a person, and says so while learning too", () => {
  const [person, script] = check([windowFacts(), windowFacts(SCRIPT)]);
  assert.ok((person?.score ?? 1) < 0.5, `person ${person?.score}`);
  assert.ok((script?.score ?? 0) > 0.8, `script ${script?.score}`);
  assert.equal(script?.severity, "high");
  assert.equal(script.trafficClass, "anomalous");
  const [modest] = check([windowFacts(SCRIPT)], [], learningModel);
  assert.notEqual(
    modest?.severity,
    "high",
    "the shipped reference is no proof",
  );
});

Deno.test("judge() respects verified bots and both lists", () => {
  const bot = { ...SCRIPT, ua_family: "bot", bot_name: "googlebot" };
  const [verified, allowed, denied] = check(
    [
      windowFacts(bot),
      windowFacts({ ...SCRIPT, src_ip: "203.0.113.9" as IpAddress }),
      windowFacts({ src_ip: "2001:db8::7" as IpAddress }),
    ],
    [
      { list: "allow", kind: "network", value: "203.0.113.0/24" },
      { list: "deny", kind: "ip", value: "2001:db8::7" },
      { list: "deny", kind: "network", value: "not a network" },
    ],
  );
  assert.equal(verified?.trafficClass, "verified");
  assert.equal(verified.severity, undefined);
  assert.equal(verified.score, 0);
  assert.equal(allowed?.severity, undefined);
  assert.ok((allowed?.score ?? 0) > 0.8, "an allowed client is still scored");
  assert.equal(denied?.severity, "high");
  assert.deepEqual(denied.rules.map(({ rule }) => rule), ["deny_list"]);
});

Deno.test("judge() names the model and does without one that is not in use", () => {
  const bare = windowFacts({ ...SCRIPT, ja4: "", has_tls: 0 });
  const [full, http] = check([windowFacts(SCRIPT), bare]);
  assert.deepEqual([full?.model, http?.model], ["complete", "applicative"]);
  const [alone] = check([windowFacts(SCRIPT)], [], ownModel, {
    models: new Set(["applicative"]),
  });
  assert.equal(alone?.model, "applicative");
  assert.ok((alone?.score ?? 0) > 0.8, "the requests alone tell a script");
  const [unscored] = check([bare], [], ownModel, {
    models: new Set(["complete"]),
  });
  assert.deepEqual([unscored?.model, unscored?.score], ["", 0]);
});

/** A label on the address of {@linkcode windowFacts}. */
function label(changed: Partial<Label>): Label {
  return {
    id: "L-1",
    ts: 1 as UnixMicros,
    label: "human",
    scope: "address",
    src_ip: "198.18.0.1" as IpAddress,
    ja4: SCRIPT.ja4 as string,
    header_order: "user-agent,accept-encoding,accept",
    http_host: "www.example.com",
    window_start: 0 as UnixMicros,
    expires_at: 9e15 as UnixMicros,
    ...changed,
  };
}

/** The shipped tables, with a JA4 that these browsers send, from so many networks each. */
function tablesWith(
  ja4: string,
  browsers: Readonly<Record<string, number>>,
): LearnedTables {
  const counts = Object.entries(browsers).map(([value, networks]) => ({
    relation: "ua_given_ja4" as const,
    key: ja4,
    value,
    networks,
  }));
  return {
    ...shipped.learned,
    counts: [...shipped.learned.counts, ...counts],
  };
}

Deno.test("judge() compares people behind a proxy that inspects TLS by their requests alone", () => {
  const ja4 = "t13d311100_aaaaaaaaaaaa_d41ae481755e";
  const order =
    shipped.learned.counts.find(({ relation, key, value }) =>
      relation === "order_given_ua" && key === "chrome7|navigate" &&
      value !== undefined
    )?.value ?? "";
  const person = windowFacts({
    ja4,
    signatures: [[{ ...CHROME, stable_order: order }, 40]],
  });
  const modelOf = (
    browsers: Readonly<Record<string, number>>,
    facts = person,
  ) => {
    const learned = new Learned(tablesWith(ja4, browsers));
    const [verdict] = check([facts], [], { ...ownModel, learned });
    return verdict?.model;
  };
  const company = { chrome150: 40, edge150: 3, safari26: 12, firefox142: 2 };
  assert.equal(modelOf(company), "applicative");
  assert.equal(
    modelOf({ chrome150: 40, edge150: 20 }),
    "complete",
    "one maker",
  );
  assert.equal(
    modelOf({ chrome150: 40, safari26: 4 }),
    "complete",
    "by chance",
  );
  assert.equal(
    modelOf(company, { ...person, hint_mismatches: 40 }),
    "complete",
    "requests that are not those of the browser claimed",
  );
});

Deno.test("isAppWindow() knows an app without its handshake by its requests", () => {
  const signature = { ...CHROME, ua_family: "okhttp", kind: "get" };
  const app = (ja4: string) =>
    windowFacts({ ja4, ua_family: "okhttp", signatures: [[signature, 9]] });
  const group = (ja4: string, networks: number) => ({
    group: `${ja4}|okhttp|${signature.stable_order}`,
    addresses: networks,
    networks,
    success: 0.99,
    homogeneity: 1,
  });
  const learned = new Learned({
    counts: [],
    groups: [group("t13d_app", 30), group("", 2), group("t13d_tool", 3)],
    coldBits: 7,
  });
  assert.ok(isAppWindow(app("t13d_app"), learned));
  assert.ok(isAppWindow(app(""), learned));
  assert.ok(!isAppWindow(app("t13d_tool"), learned));
});

Deno.test("judge() goes by labels within their scope and until they expire", () => {
  const severity = (one: Partial<Label>, facts: Partial<WindowFacts> = {}) =>
    check([windowFacts({ ...SCRIPT, ...facts })], [], ownModel, {
      labels: new LabelSet([label(one)]),
    })[0]?.severity;
  assert.equal(severity({}), undefined, "an analyst called it human");
  const other = { src_ip: "198.18.9.9" as IpAddress };
  assert.equal(severity({}, other), "high", "not this address");
  assert.equal(severity({ scope: "fingerprint" }, other), undefined);
  assert.equal(
    severity({ scope: "fingerprint", header_order: "another" }, other),
    "high",
  );
  assert.equal(severity({ scope: "ja4" }, other), undefined);
  const near = { src_ip: "198.18.0.77" as IpAddress };
  assert.equal(severity({ scope: "network" }, near), undefined);
  assert.equal(severity({ scope: "window" }), "high", "another window");
  assert.equal(severity({ expires_at: 1 as UnixMicros }), "high", "expired");
  assert.equal(severity({ label: "unsure" }), "high");
  const [bot] = check(
    [windowFacts({ ja4: SCRIPT.ja4 as string })],
    [],
    ownModel,
    {
      labels: new LabelSet([label({ label: "bot" })]),
    },
  );
  assert.ok(bot?.rules.some(({ rule }) => rule === "labelled_bot"));
});

Deno.test("reasonsOf() adds up to the score as stored", () => {
  for (const verdict of check([windowFacts(), windowFacts(SCRIPT)])) {
    const stored = JSON.parse(JSON.stringify(reasonsOf(verdict))) as {
      contribution: number;
    }[];
    const sum = stored.reduce((a, b) => a + b.contribution, verdict.base);
    assert.ok(Math.abs(sum - verdict.score) < 1e-6);
  }
});

Deno.test("wordingOf() tells a script by what does not fit, without markup or controls", () => {
  const [verdict] = check([
    windowFacts({
      ...SCRIPT,
      http_host: "\u202eevil\u0007.example",
      user_agent: "Chrome/150 \u001b[2J",
    }),
  ]);
  assert.ok(verdict !== undefined);
  const words = wordingOf({
    facts: verdict.facts,
    score: verdict.score,
    pValue: verdict.pValue,
    reasons: reasonsOf(verdict),
    rules: verdict.rules,
    learning: false,
  });
  assert.match(words.title, /posing as Chrome 150/);
  assert.ok(words.title.includes("\\u{202e}evil\\u{07}.example"));
  assert.match(words.summary, /^300 requests in 60 s to /);
  assert.match(words.summary, /score 0\.\d\d\)\.$/);
  assert.ok(words.tags.length > 0 && words.tags.length <= 6);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(words.title + words.summary, /[\u0000-\u001f\u202e]/);
});

Deno.test("findCampaigns() joins addresses of one make and leaves single ones alone", () => {
  const fleet = Array.from(
    { length: CAMPAIGN_ADDRESSES_MIN },
    (_, i) =>
      windowFacts({ ...SCRIPT, src_ip: `203.0.113.${i + 1}` as IpAddress }),
  );
  const other = windowFacts({
    ...SCRIPT,
    src_ip: "192.0.2.200" as IpAddress,
    signatures: [[{ ...CHROME, stable_order: "accept,user-agent" }, 300]],
  });
  const found = findCampaigns(check([...fleet, other]));
  assert.equal(found.length, 1);
  assert.equal(found[0]?.addresses, CAMPAIGN_ADDRESSES_MIN);
  assert.deepEqual(findCampaigns(check(fleet.slice(1))), []);
});

Deno.test("findCampaigns() splits one fingerprint by what its clients do", () => {
  const make = (from: number, changed: Partial<WindowFacts>) =>
    Array.from(
      { length: 8 },
      (_, i) =>
        windowFacts({
          ...SCRIPT,
          ...changed,
          requests: 300 + i,
          src_ip: `203.0.113.${from + i}` as IpAddress,
        }),
    );
  const guessing = {
    sign_in_failures: 40,
    sign_in_posts: 40,
    auth_failures: 40,
    client_errors: 40,
    pause_count: 0,
    pause_mode_share: 0,
    pause_bits_missing: 0,
    later_without_referrer: 0,
    cold_bits: 0,
    documents: 40,
  };
  const found = findCampaigns(
    check([...make(1, {}), ...make(101, guessing)]),
  );
  assert.equal(found.length, 2, found.map(({ title }) => title).join("; "));
  assert.deepEqual(found.map(({ addresses }) => addresses), [8, 8]);
  assert.ok(found.some(({ title }) => title.startsWith("Sign-in attempts")));
  assert.equal(found[0]?.stats.networks, 1);
  assert.equal(found[0]?.stats.first_hour_share, 1);
});

Deno.test("findCampaigns() escalates: ten addresses are medium at least, twenty that fail to sign in critical", () => {
  const severityOf = (count: number, changed: Partial<WindowFacts>) => {
    const fleet = check(Array.from(
      { length: count },
      (_, i) =>
        windowFacts({
          ...changed,
          src_ip: `203.0.113.${i + 1}` as IpAddress,
        }),
    ));
    const [campaign] = findCampaigns(fleet);
    return [fleet[0]?.severity, campaign?.severity];
  };
  const curl = { ua_family: "curl", user_agent: "curl/8.5.0" };
  assert.deepEqual(severityOf(9, curl), ["low", "low"]);
  assert.deepEqual(severityOf(10, curl), ["low", "medium"]);
  const failing = { ...SCRIPT, sign_in_failures: 12, sign_in_posts: 12 };
  assert.deepEqual(severityOf(19, failing), ["high", "high"]);
  assert.deepEqual(severityOf(20, failing), ["high", "critical"]);
});
