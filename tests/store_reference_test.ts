// Reference data from file to row: loaded, replaced in one step, refused when it looks wrong, and asked at each insert.
import assert from "node:assert/strict";
import type { Database } from "../lib/clickhouse.ts";
import { type ExitName, FatalError } from "../lib/errors.ts";
import { sql } from "../lib/sql.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { dropSource, replaceSource } from "../store/reference.ts";
import type { NetworkRow } from "../store/reference_files.ts";
import { loadSource, type Source } from "../store/reference_load.ts";
import { ja4ctl } from "./support/ja4ctl.ts";
import { writeMmdb } from "./support/mmdb.ts";
import { startStore } from "./support/store.ts";

/** What a request from `ip` is stored with. */
async function enrichment(
  database: Database,
  ip: string,
): Promise<Record<string, unknown>> {
  const id = crypto.randomUUID();
  await database.command(sql`
    INSERT INTO http_events (ts, event_id, src_ip, client_ip, ja4)
    SELECT now64(6), toUUID(${id}), toIPv6(${ip}), toIPv6(${ip}), 't13d1516h2_8daaf6152771_02713d6af862'`);
  const [row] = await database.query<Record<string, unknown>>(sql`
    SELECT asn, as_org, country, network_kind AS kind, ip_reputation AS reputation, bot_name AS bot, ja4_client AS client
    FROM http_events WHERE event_id = ${id}`);
  return row ?? {};
}

/** Networks that differ in nothing but their country. */
function networks(count: number, country: string): NetworkRow[] {
  return Array.from({ length: count }, (_, i) => ({
    prefix: `203.${i >> 8}.${i & 255}.0/24`,
    asn: 7,
    as_org: country,
    country,
    kind: "",
  }));
}

Deno.test("reference data: what is loaded is what inserts find", async (t) => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  await using folder = await temporaryFolder();
  const path = (name: string): string => `${folder.path}/${name}`;
  const load = async (
    kind: Source["kind"],
    from: string,
    options: Omit<Source, "kind" | "from"> & { force?: boolean } = {},
  ): Promise<number> => {
    const { force = false, ...rest } = options;
    const nowS = Date.now() / 1000;
    const source = { kind, from, ...rest };
    return (await loadSource(database, source, { force, nowS })).rows;
  };
  const refused = async (
    exit: ExitName,
    want: RegExp,
    ...args: Parameters<typeof load>
  ): Promise<void> => {
    await assert.rejects(
      load(...args),
      (thrown) =>
        thrown instanceof FatalError && thrown.exit === exit &&
        want.test(thrown.message),
    );
  };

  await t.step("what ships works offline", async () => {
    assert.deepEqual(await enrichment(database, "8.8.8.8"), {
      asn: 15169,
      as_org: "Google LLC",
      country: "US",
      kind: "hosting",
      reputation: 0,
      bot: "",
      client: "chrome",
    });
    assert.equal((await enrichment(database, "10.1.2.3"))["kind"], "private");
    const google = await enrichment(database, "66.249.64.1");
    assert.equal(google["bot"], "Googlebot");
  });

  await t.step("networks: files of different grain add up", async () => {
    const asn = writeMmdb([
      ["192.0.2.0/24", {
        autonomous_system_number: 64496,
        autonomous_system_organization: "Example",
      }],
      ["8.8.8.0/25", {
        autonomous_system_number: 64499,
        autonomous_system_organization: "Finer",
      }],
    ], { recordSize: 28 });
    await Deno.writeFile(path("asn.mmdb"), asn);
    await Deno.writeTextFile(
      path("country.csv"),
      "192.0.2.0,192.0.2.127,DE\n192.0.2.128,192.0.2.255,FR\n",
    );
    const file = path("asn.mmdb");
    const args = ["load", "networks", file, "--name", "asn"];
    const { code, stdout } = await ja4ctl(store, ["reference", ...args]);
    assert.equal(code, 0);
    assert.equal(stdout, "networks asn: 2 rows\n");
    await load("networks", path("country.csv"), { name: "country" });
    const found = await enrichment(database, "192.0.2.200");
    // The kind of the documentation network is still the one that ships.
    assert.deepEqual(
      [found["asn"], found["as_org"], found["country"], found["kind"]],
      [64496, "Example", "FR", "documentation"],
    );
    const google = await enrichment(database, "8.8.8.8");
    assert.deepEqual(
      [google["asn"], google["country"], google["kind"]],
      [64499, "US", "hosting"],
    );
  });

  await t.step(
    "reputation: each list has its say until its time is over",
    async () => {
      await Deno.writeTextFile(path("drop.txt"), "198.51.100.0/24 ; SBL1\n");
      await Deno.writeTextFile(
        path("other.txt"),
        "198.51.100.7\n2001:db8::/48\n",
      );
      await load("reputation", path("drop.txt"), { name: "drop", score: 90 });
      await load("reputation", path("other.txt"), { name: "other", score: 40 });
      const reputation = async (ip: string): Promise<unknown> =>
        (await enrichment(database, ip))["reputation"];
      assert.equal(await reputation("198.51.100.9"), 90);
      assert.equal(await reputation("198.51.100.7"), 40);
      assert.equal(await reputation("2001:db8::1"), 40);
      await loadSource(database, {
        kind: "reputation",
        from: path("other.txt"),
        name: "other",
        days: 1,
      }, { nowS: Date.now() / 1000 - 2 * 86_400 });
      assert.equal(await reputation("2001:db8::1"), 0);
    },
  );

  await t.step(
    "bots: from an address on the web, as their operators publish them",
    async () => {
      const body = JSON.stringify({
        prefixes: [
          { ipv4Prefix: "203.0.113.0/27" },
          { ipv6Prefix: "2001:db8:b::/48" },
        ],
      });
      await using server = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen() {} },
        ({ url }) =>
          url.endsWith("/bot.json")
            ? new Response(body)
            : new Response("", { status: 404 }),
      );
      const at = `http://127.0.0.1:${server.addr.port}`;
      const name = "SampleBot";
      await load("bots", `${at}/bot.json`, { name, operator: "Sample" });
      const found = await enrichment(database, "2001:db8:b::7");
      assert.equal(found["bot"], name);
      await refused(
        "noInput",
        /gone": the server answers 404/,
        "bots",
        `${at}/gone`,
        { name },
      );
      await refused("noInput", /expected https/, "bots", "http://192.0.2.1/x", {
        name,
      });
      assert.equal((await enrichment(database, "203.0.113.1"))["bot"], name);
    },
  );

  await t.step(
    "what looks wrong is refused, and the last good rows stay",
    async () => {
      await Deno.writeTextFile(path("page.csv"), "<html>moved</html>\n");
      await refused(
        "dataFormat",
        /Cannot load ".*page.csv": it is neither .*; what was loaded before stays/,
        "networks",
        path("page.csv"),
        { name: "country" },
      );
      await Deno.writeTextFile(path("all.txt"), "0.0.0.0/0\n");
      await refused(
        "dataFormat",
        /too much for one/,
        "reputation",
        path("all.txt"),
        { name: "drop" },
      );
      await replaceSource(database, {
        kind: "networks",
        rows: networks(10, "DE"),
      }, { source: "shrinks" });
      await Deno.writeTextFile(path("few.csv"), "192.0.3.0,192.0.3.255,IT\n");
      const few = ["networks", path("few.csv")] as const;
      await refused(
        "dataFormat",
        /has 1 rows now and had 10; use --force/,
        ...few,
        { name: "shrinks" },
      );
      assert.equal(await load(...few, { name: "shrinks", force: true }), 1);
      await refused("usage", /Cannot use the name "a'b"/, ...few, {
        name: "a'b",
      });
      assert.equal(
        (await enrichment(database, "192.0.2.200"))["country"],
        "FR",
      );
    },
  );

  await t.step("status tells of every source and dictionary", async () => {
    const { code, stdout } = await ja4ctl(store, ["reference", "status"]);
    assert.equal(code, 1, "the list other has run out");
    assert.match(stdout, /^reputation +other +2 +2 +\d+ s ago$/m);
    assert.match(stdout, /^networks +asn +2 +0 +\d+ s ago$/m);
    assert.match(stdout, /^dict_countries +\d+$/m);
    await dropSource(database, "networks", "asn");
    assert.equal((await enrichment(database, "192.0.2.200"))["asn"], 0);
  });

  await t.step(
    "load alone loads what ships and what is configured, and goes on after a failure",
    async () => {
      await Deno.writeTextFile(path("list.txt"), "198.51.100.7\n");
      const absent = `{ kind = "ja4", from = "${path("absent.csv")}" }`;
      const list = `{ kind = "reputation", from = "${
        path("list.txt")
      }", name = "list", score = 33 }`;
      const { code, stdout, stderr } = await ja4ctl(store, [
        "reference",
        "load",
      ], {
        env: { JA4_REFERENCE__SOURCES: `[${absent}, ${list}]` },
      });
      assert.equal(code, 1);
      assert.match(stdout, /^ref_ja4: \d+ rows that ship$/m);
      assert.match(stdout, /^reputation list: 1 rows$/m);
      assert.match(stderr, /^ja4ctl: Cannot read ".*absent.csv"/);
      // What ships goes behind what was loaded, however late it is loaded again.
      assert.equal(
        (await enrichment(database, "192.0.2.200"))["country"],
        "FR",
      );
    },
  );

  await t.step("a wrong command line says what is expected", async () => {
    const { code, stderr } = await ja4ctl(store, [
      "reference",
      "load",
      "x",
      "y",
    ]);
    assert.equal(code, 64);
    assert.match(stderr, /reference load networks\|reputation\|bots\|ja4 FROM/);
  });

  await t.step(
    "a source is replaced in one step for all who look",
    async () => {
      await using reader = await store.database("web");
      const replace = (country: string): Promise<void> =>
        replaceSource(database, {
          kind: "networks",
          rows: networks(2000, country),
        }, { source: "s" });
      await replace("DE");
      let done = false;
      const look = async (): Promise<number> => {
        let looks = 0;
        for (; !done; looks++) {
          const [seen] = await reader.query<{ n: number; countries: number }>(
            sql`
          SELECT toUInt32(count()) AS n, toUInt32(uniqExact(country)) AS countries FROM ref_networks WHERE source = 's'`,
          );
          assert.deepEqual(seen, { n: 2000, countries: 1 });
        }
        return looks;
      };
      const looking = look();
      for (const country of ["FR", "IT", "DE"]) await replace(country);
      done = true;
      assert(await looking > 5);
      assert.deepEqual(
        await database.query(sql`SHOW TABLES LIKE 'ref_%loading%'`),
        [],
      );
    },
  );
});
