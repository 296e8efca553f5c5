/**
 * From a value to all that its menu leads to, for every kind of value that has one: each link is a page that
 * answers, asks in the query language for just that value, and keeps the range and the filters before it.
 *
 * J7 of docs/dashboard.md, without a browser: the menu is a page of links (overview_test.ts clicks them).
 */
import assert from "node:assert/strict";
import { FIELD_WORDS, VALUE_FIELDS } from "../../web/data/value_actions.ts";
import type { ValueField } from "../../web/data/value_actions.ts";
import { userAgentHash } from "../../web/data/paths.ts";
import { timeText } from "../support/journey.ts";
import { startStore } from "../support/store.ts";
import { ORIGIN, startWeb, type Web } from "../support/web.ts";

const JA4 = "t13d1516h2_8daaf6152771_b186095e22b6";
const USER_AGENT = 'Mozilla/5.0 (X11; "Linux") * \\ caf\u00e9';

/** What each kind of value is in a query, and its page where it has one. */
const KINDS: Readonly<
  Record<
    ValueField,
    { readonly value: string; readonly term: string; readonly page?: string }
  >
> = {
  ip: { value: "203.0.113.7", term: "ip:203.0.113.7", page: "/ip/203.0.113.7" },
  net: {
    value: "203.0.113.0/24",
    term: "ip:203.0.113.0/24",
    page: "/net/203.0.113.0/24",
  },
  asn: { value: "64501", term: "asn:64501", page: "/asn/64501" },
  country: { value: "NL", term: "country:NL", page: "/country/NL" },
  ja4: { value: JA4, term: `ja4:${JA4}`, page: `/ja4/${JA4}` },
  host: {
    value: "shop.example.com",
    term: "host:shop.example.com",
    page: "/hosts/shop.example.com",
  },
  ua: {
    value: USER_AGENT,
    term: 'ua:"Mozilla/5.0 (X11; \\"Linux\\") * \\\\ caf\u00e9"',
    page: `/ua/${userAgentHash(USER_AGENT)}`,
  },
  path: { value: "/a b/*?c=1&d", term: 'path:"/a b/*?c=1&d"' },
  method: { value: "GET", term: "method:GET" },
  status: { value: "404", term: "status:404" },
};
const BEFORE = "-country:FR";

Deno.test("from each kind of value", async (t) => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  const now = Date.now();
  const common = {
    src_ip: KINDS.ip.value,
    asn: Number(KINDS.asn.value),
    country: KINDS.country.value,
    ja4: JA4,
    http_host: KINDS.host.value,
    user_agent: USER_AGENT,
  };
  await db.insertRows("http_events", [{
    ts: timeText(now - 60_000),
    event_id: crypto.randomUUID(),
    match: "conn",
    client_ip: KINDS.ip.value,
    http_method: KINDS.method.value,
    url_path: KINDS.path.value,
    status_code: Number(KINDS.status.value),
    ...common,
  }]);
  await db.insertRows("detections", [{
    id: "D-PIVT0001",
    first_seen: timeText(now - 60_000),
    last_seen: timeText(now - 60_000),
    severity: "low",
    title: "pivot",
    rev: 1,
    ...common,
  }]);
  await using web = await startWeb(store);
  const cookie = await web.signIn("analyst");
  const range = {
    from: new Date(now - 3_600_000).toISOString(),
    to: new Date(now + 60_000).toISOString(),
    tz: "Europe/Paris",
  };
  const place = (path: string, more: Readonly<Record<string, string>> = {}) =>
    `${path}?${new URLSearchParams({ ...range, ...more })}`;
  const menu = (field: ValueField, at: string) =>
    menuOf(web, cookie, { field, at });
  const opened = new Map<string, string>();
  const open = async (href: string): Promise<string> => {
    const known = opened.get(href);
    if (known !== undefined) return known;
    const answer = await web.fetch(href, { headers: { cookie } });
    const html = await answer.text();
    assert.equal(answer.status, 200, href);
    opened.set(href, html);
    return html;
  };

  for (const field of VALUE_FIELDS) {
    const { term, page } = KINDS[field];
    await t.step(`${field}: for, out, only and its page`, async () => {
      for (
        const [at, filters] of [
          [place("/"), {}],
          [place("/explore", { q: BEFORE, by: "path", order: "rare" }), {
            by: "path",
            order: "rare",
          }],
          [place("/detections", { q: BEFORE, sort: "score", after: "x" }), {
            sort: "score",
          }],
        ] as const
      ) {
        const from = new URL(at, ORIGIN).pathname;
        const inPlace = from === "/explore" ||
          from === "/detections" && page !== undefined;
        const before = inPlace ? `${BEFORE} ` : "";
        const kept = { ...range, ...(inPlace ? filters : {}) };
        const links = await menu(field, at);
        const asked = (q: string) => ({
          path: inPlace ? from : "/explore",
          parameters: { ...kept, q },
        });
        const expected = {
          for: asked(before + term),
          out: asked(`${before}-${term}`),
          ...(inPlace ? { only: asked(term) } : {}),
          ...(page === undefined
            ? {}
            : { open: { path: page, parameters: range } }),
        };
        for (const [does, { path, parameters }] of Object.entries(expected)) {
          const href = links.get(does);
          assert(href !== undefined, `${field} on ${from} has no "${does}"`);
          const url = new URL(href, ORIGIN);
          assert.equal(decodeURI(url.pathname), path, `${does} on ${from}`);
          assert.deepEqual(
            Object.fromEntries(url.searchParams),
            parameters,
            `${does} on ${from}`,
          );
          await open(href);
        }
        assert.equal(links.has("only"), inPlace);
        assert.equal(links.has("open"), page !== undefined);
      }
    });
  }

  await t.step("as many hops as there are kinds lose nothing", async () => {
    for (const does of ["for", "out"] as const) {
      let at = place("/explore");
      const terms: string[] = [];
      for (const field of VALUE_FIELDS) {
        at = (await menu(field, at)).get(does) ?? "";
        await open(at);
        terms.push((does === "out" ? "-" : "") + KINDS[field].term);
        assert.deepEqual(
          Object.fromEntries(new URL(at, ORIGIN).searchParams),
          { ...range, q: terms.join(" ") },
        );
      }
      assert.ok(terms.length >= 10);
      // All of it is true of the one request that there is, and none of it is not.
      const shown = (await open(at)).includes("/value?f=method&");
      assert.equal(shown, does === "for");
      // The other way round is what is meant when it is said last.
      const turned = (await menu("ip", at)).get(does === "for" ? "out" : "for");
      const q = new URL(turned ?? "", ORIGIN).searchParams.get("q") ?? "";
      assert.ok(
        q.endsWith(does === "for" ? ` -${KINDS.ip.term}` : ` ${KINDS.ip.term}`),
      );
      assert.equal(q.split(KINDS.ip.term).length, 2);
    }
  });

  await t.step("the pages that it leads to have menus of every kind", () => {
    const found = new Set(
      [...opened.values()].flatMap((html) =>
        [...html.matchAll(/href="[^"]*\/value\?f=(\w+)&/g)].map(([, field]) =>
          field
        )
      ),
    );
    // A network is a value where a list names it, and this store has no lists.
    assert.deepEqual(
      [...found].toSorted(),
      VALUE_FIELDS.filter((field) => field !== "net").toSorted(),
    );
  });
});

/** The links of the menu of a value that stands on the page `at`, by what each does. */
async function menuOf(
  web: Web,
  cookie: string,
  { field, at }: { readonly field: ValueField; readonly at: string },
): Promise<Map<string, string>> {
  const v = encodeURIComponent(KINDS[field].value);
  const answer = await web.fetch(`/value?f=${field}&v=${v}`, {
    headers: { cookie, referer: ORIGIN + at },
  });
  const html = await answer.text();
  assert.equal(answer.status, 200);
  assert.ok(html.includes(`>${FIELD_WORDS[field]}<`));
  return new Map(
    [...html.matchAll(/<a [^>]*data-does="(\w+)"[^>]*href="([^"]*)"/g)].map(
      ([, does = "", href = ""]) => [does, href.replaceAll("&amp;", "&")],
    ),
  );
}
