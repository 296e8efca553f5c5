/** Pages against what is in the database: the real application, store and detector, no browser. */
import assert from "node:assert/strict";
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql } from "../lib/sql.ts";
import { loadTraffic, type TRAFFIC_CLASSES } from "../web/data/traffic.ts";
import { parseRange } from "../web/data/range.ts";
import { seedTraffic } from "./support/seed.ts";
import { startStore, type Store } from "./support/store.ts";
import { startWeb, type Web } from "./support/web.ts";

/** The end of the range shown: two full hours, the last hour that is over. The seeded traffic begins and ends a second before it. */
const END = Math.floor(Date.now() / 3_600_000) * 3_600_000;
const FROM = new Date(END - 2 * 3_600_000).toISOString();
const TO = new Date(END).toISOString();
const RANGE = `from=${FROM}&to=${TO}`;

const HOSTILE_UA = '<img src=x onerror="alert(1)">';
const HOSTILE_PATH = `/a\u202etxt.exe\u0000/${"x".repeat(8000)}`;
const HOSTILE_TITLE = "</script><b>bold</b>\u202e";

/** A DateTime64 as text: a bare number would be read as ticks. */
function stamp(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

async function seedHostile(db: Database): Promise<void> {
  await db.insertRows("http_events", [{
    ts: stamp(END - 60_000),
    event_id: crypto.randomUUID(),
    match: "none",
    orphan_reason: "plaintext",
    src_ip: "198.51.100.66",
    client_ip: "198.51.100.66",
    http_method: "GET",
    http_host: '"><svg onload=alert(1)>',
    url_path: HOSTILE_PATH,
    url_query: "=cmd()",
    status_code: 200,
    user_agent: HOSTILE_UA,
  }]);
  await db.insertRows("detections", [detection(0, {
    id: "D-HST00000",
    src_ip: "198.51.100.66",
    title: HOSTILE_TITLE,
    summary: "<i>why</i>",
    tags: ["<u>"],
    http_host: "hostile.example.com",
    reasons: "[{broken",
    user_agent: HOSTILE_UA,
  })]);
}

function detection(
  index: number,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    id: `D-PAGE${String(index).padStart(4, "0")}`,
    first_seen: stamp(END - 3_600_000),
    last_seen: stamp(END - 60_000 - index),
    src_ip: "192.0.2.250",
    ja4: "t13d1516h2_8daaf6152771_b186095e22b6",
    http_host: "paging.example.com",
    severity: "low",
    score: 0.3,
    p_value: 0.01,
    base: 0.1,
    title: "A page of detections",
    summary: "",
    tags: [],
    reasons: "[]",
    rules: "[]",
    requests: index,
    windows: 1,
    user_agent: "",
    asn: 0,
    country: "",
    campaign_id: "",
    model_id: "",
    rev: 1,
    ...changes,
  };
}

async function count(
  db: Database,
  statement: ReturnType<typeof sql>,
): Promise<number> {
  const [row] = await db.query<{ n: number }>(statement);
  return Number(row?.n);
}

Deno.test("pages", async (t) => {
  await using store: Store = await startStore();
  await using db = await store.database("ja4");
  await using web: Web = await startWeb(store);
  await seedTraffic(db, {
    hours: 2,
    events: 6000,
    end: (END - 1000) * 1000 as UnixMicros,
  });
  await seedHostile(db);
  const get = async (path: string): Promise<{ status: number; html: string }> =>
    await web.page(path, "analyst");

  await t.step("Overview counts every request once, as SQL does", async () => {
    const { status, html } = await get(`/?${RANGE}`);
    assert.equal(status, 200);
    const requests = await count(
      db,
      sql`SELECT count() AS n FROM http_events
        WHERE ts >= ${new Date(FROM)} AND ts < ${new Date(
        TO,
      )} AND match != 'tls_only'`,
    );
    assert.ok(requests > 4000);
    assert.match(html, new RegExp(`<data value="${requests}"`));
    const seen = await count(
      db,
      sql`SELECT uniqExact(ja4) AS n FROM http_events WHERE ja4 != ''
        AND ts >= ${new Date(FROM)} AND ts < ${new Date(TO)}`,
    );
    assert.match(html, new RegExp(`JA4 seen.{0,200}${seen} `));
  });

  await t.step(
    "loadTraffic() gives the classes that the scores say",
    async () => {
      const parsed = parseRange(new URL(`http://x/?${RANGE}`), Date.now());
      assert(parsed.ok);
      const traffic = await loadTraffic(web.db, parsed.range);
      const scored = await db.query<{ class: string; n: number }>(sql`
      SELECT toString(traffic_class) AS class, toFloat64(sum(requests)) AS n
      FROM scores FINAL WHERE window_start >= ${new Date(
        FROM,
      )} GROUP BY class`);
      assert.ok(scored.length >= 3);
      for (const { class: name, n } of scored) {
        assert.equal(
          traffic.totals[name as typeof TRAFFIC_CLASSES[number]],
          n,
          name,
        );
      }
      assert.equal(
        traffic.columns.reduce((sum, column) => sum + column.total, 0),
        traffic.requests,
      );
      // The hostile request alone lies in no window that was scored.
      assert.equal(traffic.totals.unscored, 1);
    },
  );

  await t.step(
    "Inbox lists the open ones, Overview the worst of them",
    async () => {
      const open = await count(
        db,
        sql`SELECT count() AS n FROM detections_current WHERE state IN ('open', 'acknowledged')`,
      );
      assert.ok(open > 5);
      const { html } = await get("/detections");
      assert.match(html, new RegExp(`of ${open}<`));
      const [worst] = await db.query<{ id: string }>(sql`
      SELECT id FROM detections_current ORDER BY severity DESC, score DESC, id DESC LIMIT 1`);
      assert.ok(
        (await get(`/?${RANGE}`)).html.includes(`/detections/${worst?.id}`),
      );
    },
  );

  await t.step("a detection adds up to its score", async () => {
    const [row] = await db.query<
      { id: string; score: number; base: number; reasons: string }
    >(sql`
      SELECT id, toFloat64(score) AS score, toFloat64(base) AS base, reasons
      FROM detections FINAL WHERE reasons != '[]' AND id != 'D-HST00000' ORDER BY score DESC LIMIT 1`);
    assert(row !== undefined);
    const { html } = await get(`/detections/${row.id}`);
    const foot =
      /Base ([\d.]+) \+ contributions ([\d.]+)(?: [+−] other features ([\d.]+))? = <b>([\d.]+)</
        .exec(html.replaceAll("<!-- -->", ""));
    assert(foot !== null);
    const [, base = "", sum = "", rest = "0", total = ""] = foot;
    assert.equal(Number(total), Math.round(row.score * 1000) / 1000);
    assert.ok(
      Math.abs(Number(base) + Number(sum) + Number(rest) - Number(total)) <
        0.0011,
    );
    const reasons: { contribution: number }[] = JSON.parse(row.reasons);
    const exact = row.base +
      reasons.reduce((all, one) => all + one.contribution, 0);
    assert.ok(Math.abs(exact - row.score) < 1e-3);
  });

  await t.step("what clients send is text and never markup", async () => {
    for (
      const path of [
        `/ip/198.51.100.66?${RANGE}`,
        "/detections/D-HST00000",
        "/detections",
        `/?${RANGE}&host=new&ip=new`,
        "/detections?host=%22%3E%3Csvg%20onload%3Dalert(1)%3E",
        "/search?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
      ]
    ) {
      const { html } = await get(path);
      assert.doesNotMatch(html, /<img|<svg onload|<b>bold|<i>why|<u>/, path);
      assert.ok(!html.includes("\u202e"), `${path}: direction override`);
      assert.ok(!html.includes("\u0000"), `${path}: NUL`);
    }
    const address = (await get(`/ip/198.51.100.66?${RANGE}`)).html;
    assert.ok(address.includes("&lt;img src=x onerror="));
    assert.ok(address.includes("\\u{202e}txt.exe\\u{00}"));
    const broken = (await get("/detections/D-HST00000")).html;
    assert.ok(broken.includes("No single feature explains this"));
  });

  await t.step(
    "what there is not is a 404, one address has one page",
    async () => {
      for (
        const path of [
          "/detections/D-00000000",
          "/detections/nothing",
          "/ip/nonsense",
          "/ja4/t13",
        ]
      ) assert.equal((await get(path)).status, 404, path);
      const cookie = await web.signIn("viewer");
      const moved = await web.fetch("/ip/::ffff:192.0.2.1?from=-1h", {
        headers: { cookie },
      });
      assert.equal(moved.status, 301);
      assert.equal(moved.headers.get("location"), "/ip/192.0.2.1?from=-1h");
      const found = await web.fetch("/search?q=2001:DB8::1", {
        headers: { cookie },
      });
      assert.equal(found.headers.get("location"), "/ip/2001:db8::1");
      assert.equal((await get("/ip/203.0.113.255")).status, 200); // never seen, still a page
    },
  );

  await t.step(
    "a range or list that cannot be read is a 400 that says why",
    async () => {
      for (
        const [path, want] of [
          ["/?from=yesterday", /Cannot read &quot;from&quot;.*yesterday/],
          [
            "/ip/192.0.2.1?from=-1h&amp;to=-2h".replace("&amp;", "&"),
            /must begin/,
          ],
          ["/detections?sort=magic", /expected one of severity, score/],
          ["/detections?after=%25%25", /damaged/],
          ["/detections?ip=nonsense", /not an IP address/],
        ] as const
      ) {
        const { status, html } = await get(path);
        assert.equal(status, 400, path);
        assert.match(html, want, path);
      }
    },
  );

  await t.step("pages of the list hold each row once", async () => {
    await db.insertRows(
      "detections",
      Array.from({ length: 250 }, (_, index) => detection(index)),
    );
    for (const sort of ["severity", "requests", "last_seen", "score"]) {
      const seen: string[] = [];
      let path: string | undefined =
        `/detections?host=paging.example.com&sort=${sort}`;
      while (path !== undefined) {
        const { html }: { html: string } = await get(path);
        seen.push(
          ...[...html.matchAll(/data-row="(D-[^"]+)"/g)].map((match) =>
            match[1] ?? ""
          ),
        );
        path = /href="([^"]*after=[^"]*)">Next page/.exec(html)?.[1]
          ?.replaceAll("&amp;", "&");
        assert.ok(seen.length <= 250, `${sort}: ${seen.length} at ${path}`);
      }
      assert.equal(seen.length, 250, sort);
      assert.equal(new Set(seen).size, 250, sort);
    }
  });

  await t.step(
    "triage writes rows, an audit entry, and nothing twice",
    async () => {
      const cookie = await web.signIn("analyst");
      const body = new URLSearchParams([["id", "D-PAGE0001"], [
        "id",
        "D-PAGE0002",
      ], [
        "action",
        "archive",
      ]]);
      const send = (
        path: string,
        fields: URLSearchParams,
        as = cookie,
      ): Promise<Response> =>
        web.fetch(path, {
          method: "POST",
          body: fields.toString(),
          headers: {
            cookie: as,
            origin: "http://dashboard.test:8000",
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
            "content-length": String(fields.toString().length),
          },
        });
      const first = await send("/detections?host=paging.example.com", body);
      assert.equal(first.status, 303);
      const location = first.headers.get("location") ?? "";
      assert.ok(
        location.startsWith("/detections?host=paging.example.com&done=archive"),
      );
      const { html } = await get(location);
      assert.match(html, /2 detections archived/);
      assert.ok(!html.includes('data-row="D-PAGE0001"'));
      const again = await send("/detections", body);
      assert.match(again.headers.get("location") ?? "", /already=2/);
      assert.equal(
        await count(
          db,
          sql`SELECT count() AS n FROM triage_events WHERE state = 'archived' AND actor = 'analyst'`,
        ),
        2,
      );
      assert.equal(
        await count(
          db,
          sql`SELECT count() AS n FROM audit_log WHERE action = 'triage' AND actor = 'analyst' AND ok`,
        ),
        2,
      );
      const note = new URLSearchParams({
        action: "note",
        note: "told the shop\n<b>x</b>",
      });
      assert.equal((await send("/detections/D-PAGE0003", note)).status, 303);
      const verdict = new URLSearchParams({ action: "false_positive" });
      assert.equal((await send("/detections/D-PAGE0003", verdict)).status, 303);
      const detail = (await get("/detections/D-PAGE0003")).html;
      assert.match(detail, /told the shop/);
      assert.match(detail, /&lt;b>x&lt;\/b>/);
      assert.match(detail, /said: false positive/);
      assert.equal((await send("/detections/D-00000000", verdict)).status, 404);
      assert.equal(
        (await send(
          "/detections/D-PAGE0003",
          new URLSearchParams({ action: "drop" }),
        )).status,
        400,
      );
      const viewer = await web.signIn("viewer");
      assert.equal(
        (await send("/detections/D-PAGE0003", verdict, viewer)).status,
        403,
      );
      const asViewer = await web.page("/detections/D-PAGE0003", "viewer");
      assert.ok(!asViewer.html.includes('name="action"'));
    },
  );

  await t.step(
    "a question that fails costs its panel, not the page",
    async () => {
      await db.command(sql`RENAME TABLE campaigns TO campaigns_away`);
      try {
        const { status, html } = await get(`/?${RANGE}`);
        assert.equal(status, 200);
        assert.match(html, /This panel could not be loaded/);
        assert.match(html, /Fingerprints/);
        assert.doesNotMatch(html, /campaigns_away|UNKNOWN_TABLE/);
      } finally {
        await db.command(sql`RENAME TABLE campaigns_away TO campaigns`);
      }
    },
  );

  await t.step(
    "every internal link of every page leads somewhere",
    async () => {
      const [row] = await db.query<{ id: string; ja4: string }>(sql`
      SELECT id, ja4 FROM detections FINAL WHERE ja4 != '' AND reasons != '[]' ORDER BY score DESC LIMIT 1`);
      const pages = [
        `/?${RANGE}`,
        `/detections?${RANGE}`,
        `/detections/${row?.id}?${RANGE}`,
        `/ja4/${row?.ja4}?${RANGE}`,
        `/health?${RANGE}`,
      ];
      const links = new Set<string>();
      for (const path of pages) {
        const { html } = await get(path);
        for (
          const [, href = ""] of html.matchAll(/<a\b[^>]*?href="([^"#]+)"/g)
        ) {
          const link = href.replaceAll("&amp;", "&");
          // "Choose for me" takes the range away.
          if (link === path.split("?")[0]) continue;
          assert.ok(link.startsWith("/"), `${path} links to ${link}`);
          if (
            /^\/(?:ip|ja4|hosts|asn|ua|country)\//.test(link) &&
            !/from=/.test(link)
          ) {
            assert.ok(
              path.startsWith("/health"),
              `${path}: ${link} forgets the range`,
            );
          }
          links.add(link);
        }
      }
      // One of each kind is enough: the others differ in a value.
      const kinds = new Map([...links].map((link) => [
        link.replace(/^(\/\w+\/)[^?]+/, "$1*").replace(/=[^&]*/g, "="),
        link,
      ]));
      assert.ok(kinds.size > 10);
      for (const link of kinds.values()) {
        assert.equal((await get(link)).status, 200, link);
      }
    },
  );
});

Deno.test("pages of an empty store say what to do next", async () => {
  await using store = await startStore();
  await using web = await startWeb(store);
  for (
    const [path, want] of [
      ["/", /No traffic has arrived yet/],
      ["/detections", /Inbox zero/],
      ["/detections?severity=high", /No detection matches/],
      ["/ip/192.0.2.1", /never seen/],
      ["/ja4/t13d1516h2_8daaf6152771_b186095e22b6", /Lists not captured yet/],
      ["/health", /No part has reported yet/],
    ] as const
  ) {
    const { status, html } = await web.page(path, "viewer");
    assert.equal(status, 200, path);
    assert.match(html, want, path);
  }
});
