// What operators do with a store over its life: how long it keeps rows, backups that are proved, requests of people
// about their address, another password.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { parseIp } from "../lib/ip.ts";
import type { IpAddress } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { sql } from "../lib/sql.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { eraseSubject, exportSubject, findSubject } from "../store/subject.ts";
import { ja4ctl } from "./support/ja4ctl.ts";
import { correlatedEvents } from "./support/store_events.ts";
import { startStore, type Store } from "./support/store.ts";

const EVENTS = 2000;

/** A folder of configuration in which the parts are said to be on this host. */
async function configDir(folder: string, store: Store): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(
    join(folder, "store.toml"),
    `[store]\ndir = "${store.dir}"\n`,
  );
  await Deno.writeTextFile(
    join(folder, "correlate.toml"),
    `[spool]\ndir = "${folder}/spool"\n`,
  );
  return folder;
}

async function fill(database: Database): Promise<IpAddress[]> {
  const events = await correlatedEvents(EVENTS);
  await database.insert("http_events", httpEventColumns(events), events.length);
  return [...new Set(events.map(({ src_ip }) => src_ip))];
}

/** What every table holds, as text. */
async function contents(database: Database): Promise<unknown> {
  return await database.query(sql`
    SELECT (SELECT [toFloat64(count()), toFloat64(sum(cityHash64(src_ip, url_path, ts)))] FROM http_events) AS events,
      (SELECT [toFloat64(sum(requests)), toFloat64(uniqExact(src_ip))] FROM entity_5m) AS entities,
      (SELECT toFloat64(uniqCombinedMerge(12)(addresses)) FROM clients_1h) AS addresses,
      (SELECT groupArray((state, note)) FROM triage_events) AS triage,
      dictGet('ja4.dict_networks', 'asn', toIPv6('8.8.8.8')) AS asn`);
}

Deno.test("a store over its life", async (t) => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  await using folder = await temporaryFolder();
  const config = await configDir(join(folder.path, "etc"), store);
  const addresses = await fill(database);
  const run = (...args: string[]): ReturnType<typeof ja4ctl> =>
    ja4ctl(store, args, { configDir: config });

  await t.step(
    "retention is told for each table, and changed for one that is there",
    async () => {
      const before = await run("retention");
      assert.equal(before.code, 0, before.stderr);
      assert.match(
        before.stdout,
        /^http_events +30 +2026-11-0[12] +2000 +\S+ kiB$/m,
      );
      assert.match(before.stdout, /^audit_log +1095 /m);
      assert.doesNotMatch(before.stdout, /app_sessions|ref_reputation/);
      const after = await run("retention", "entity_5m", "90");
      assert.match(after.stdout, /^entity_5m +90 /m);
      const [row] = await database.query<{ text: string }>(
        sql`SELECT engine_full AS text FROM system.tables WHERE database = 'ja4' AND name = 'entity_5m'`,
      );
      assert.match(row?.text ?? "", /TTL bucket \+ toIntervalDay\(90\)/);
      for (
        const args of [["entity_5m", "0"], ["entity_5m", "x"], [
          "app_users",
          "9",
        ], ["entity_5m"]]
      ) {
        const { code } = await run("retention", ...args);
        assert.equal(code, 64, args.join(" "));
      }
    },
  );

  await t.step("rows past the new retention go", async () => {
    await database.command(sql`
      INSERT INTO pipeline_events (ts, component, event, detail) SELECT now() - INTERVAL 100 DAY, 'store', 'ready', 'old'`);
    assert.equal((await run("retention", "pipeline_events", "60")).code, 0);
    await database.command(sql`OPTIMIZE TABLE pipeline_events FINAL`);
    assert.deepEqual(
      await database.query(sql`SELECT detail FROM pipeline_events`),
      [],
    );
  });

  await t.step(
    "a backup is read back at once, and a restore is what was backed up",
    async () => {
      await database.insertRows("triage_events", [{
        detection_id: "D-1",
        state: "open",
        note: "é'\\",
      }]);
      const wanted = await contents(database);
      const made = await run("backup", "first");
      assert.equal(made.code, 0, made.stderr);
      assert.match(
        made.stdout,
        /^first: \d+ rows of \d+ tables, \S+ \S+, read back and counted; see .*first\.manifest\.json$/m,
      );
      assert.equal(
        (await run("backup", "first")).code,
        64,
        "a name is used once",
      );
      assert.equal(
        (await run("restore", "first")).code,
        78,
        "never over what is there",
      );
      await database.command(sql`TRUNCATE TABLE http_events`);
      await using empty = await startStore({ migrate: false });
      await Deno.rename(
        join(store.dir, "backups", "first"),
        join(empty.dir, "backups", "first"),
      );
      const manifest = join(store.dir, "backups", "first.manifest.json");
      const restored = await ja4ctl(empty, [
        "restore",
        "first",
        "--manifest",
        manifest,
      ], { configDir: config });
      assert.equal(restored.code, 0, restored.stdout + restored.stderr);
      assert.match(restored.stdout, /(\d+) of \1 tables are as they were/);
      await using copy = await empty.database("ja4");
      assert.deepEqual(await contents(copy), wanted);
      // The ledger came with it: nothing is pending, and the schema verifies.
      const status = await ja4ctl(empty, ["migrate", "status"], {
        configDir: config,
      });
      assert.equal(status.code, 0, status.stdout + status.stderr);
      // And what follows is stored, counted and enriched.
      await fill(copy);
      const [sum] = await copy.query<{ n: number }>(
        sql`SELECT toUInt32(sum(events)) AS n FROM requests_1m`,
      );
      assert.equal(sum?.n, 2 * EVENTS);
    },
  );

  await t.step("a backup that was damaged is told as such", async () => {
    await using empty = await startStore({ migrate: false });
    assert.equal((await run("backup", "second")).code, 0);
    const from = join(store.dir, "backups", "second");
    const to = join(empty.dir, "backups", "second");
    await Deno.rename(from, to);
    const manifest = join(store.dir, "backups", "second.manifest.json");
    const said = JSON.parse(await Deno.readTextFile(manifest));
    said.tables.triage_events.rows++;
    await Deno.writeTextFile(manifest, JSON.stringify(said));
    const { code, stdout } = await ja4ctl(empty, [
      "restore",
      "second",
      "--manifest",
      manifest,
    ], { configDir: config });
    assert.equal(code, 1);
    assert.match(stdout, /^triage_events: 1 rows instead of 2/m);
    await Deno.remove(to, { recursive: true });
    const gone = await ja4ctl(empty, [
      "restore",
      "third",
      "--manifest",
      manifest,
    ], { configDir: config });
    assert.equal(gone.code, 78, gone.stderr);
  });

  await t.step(
    "a person's rows are exported, and erased everywhere",
    async () => {
      await fill(database);
      const ip = addresses[3] ?? parseIp("192.0.2.1") as IpAddress;
      const other = addresses[4] ?? ip;
      await database.command(sql`
      INSERT INTO detections (id, src_ip, last_seen, rev) SELECT 'D-77', toIPv6(${ip}), now(), 1`);
      await database.insertRows("triage_events", [
        { detection_id: "D-77", note: "about the person" },
        { detection_id: "D-78", note: "about another" },
      ]);
      await database.insertRows("list_entries", [{
        list: "watch",
        kind: "ip",
        value: ip,
        reason: "r",
        actor: "a",
        rev: 1,
      }]);
      await database.command(
        sql`INSERT INTO audit_log (actor, src_ip, action, ok) SELECT 'admin', toIPv6(${ip}), 'login', true`,
      );
      const found = await findSubject(database, ip);
      const tables = found.map(({ table }) => table).sort();
      assert.deepEqual(tables, [
        "audit_log",
        "detections",
        "entity_5m",
        "http_events",
        "list_entries",
        "triage_events",
      ]);

      const file = join(folder.path, "export.ndjson");
      const exported = await run("subject", "--ip", ip, "--export", file);
      assert.equal(exported.code, 0, exported.stderr);
      const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").map((
        line,
      ) => JSON.parse(line));
      assert.equal(
        lines.length,
        found.reduce((sum, { rows }) => sum + rows, 0),
      );
      assert(
        lines.some(({ table, row }) =>
          table === "triage_events" && row.note === "about the person"
        ),
      );
      assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
      assert.equal(
        (await run("subject", "--ip", ip, "--export", file)).code,
        64,
        "never over a file",
      );
      const piped = await run("subject", "--ip", ip, "--export", "-");
      assert.equal(piped.stdout.trimEnd().split("\n").length, lines.length);

      const rowsOf = async (address: IpAddress): Promise<number> => {
        let rows = 0;
        for await (const _ of exportSubject(database, address)) {
          rows++;
        }
        return rows;
      };
      const untouched = await rowsOf(other);
      await Deno.mkdir(join(config, "spool"));
      await Deno.writeTextFile(join(config, "spool", "1.seg"), "waiting");
      const erased = await run("subject", "--ip", ip, "--erase");
      assert.equal(erased.code, 0, erased.stderr);
      assert.match(erased.stdout, /^http_events +\d+ +erased$/m);
      assert.match(erased.stdout, /^audit_log +1 +kept: /m);
      assert.match(erased.stdout, /^7 bytes wait in /m);
      assert.deepEqual(
        (await findSubject(database, ip)).map(({ table }) => table),
        ["audit_log"],
      );
      assert.equal(await rowsOf(other), untouched);
      const notes = await database.query<{ note: string }>(
        sql`SELECT note FROM triage_events WHERE detection_id LIKE 'D-7%'`,
      );
      assert.deepEqual(notes, [{ note: "about another" }]);
      const [audit] = await database.query<{ object: string }>(
        sql`SELECT object FROM audit_log WHERE action = 'subject.erase'`,
      );
      assert.match(audit?.object ?? "", /^[0-9a-f]{64}$/);
      assert.deepEqual(
        (await eraseSubject(database, ip, {})).map(({ table }) => table),
        ["audit_log"],
      );
      for (
        const args of [[], ["--ip", "x"], [
          "--ip",
          ip,
          "--erase",
          "--export",
          "f",
        ]]
      ) {
        assert.equal((await run("subject", ...args)).code, 64);
      }
    },
  );

  await t.step("with another password everything works on", async () => {
    const known = await Deno.readTextFile(store.passwordFile("ja4"));
    await store.stop();
    await Deno.remove(store.passwordFile("ja4"));
    await store.restart();
    const password = (await Deno.readTextFile(store.passwordFile("ja4")))
      .trim();
    assert.notEqual(password, known.trim());
    await assert.rejects(
      database.query(sql`SELECT 1`),
      /AUTHENTICATION_FAILED/,
    );
    await using again = await openDatabase({
      ...store.options("ja4"),
      password,
    });
    await again.command(sql`SYSTEM RELOAD DICTIONARY ja4.dict_networks`);
    await fill(again);
    const [row] = await again.query<{ asn: number; n: number }>(sql`
      SELECT dictGet('ja4.dict_networks', 'asn', toIPv6('8.8.8.8')) AS asn,
        toUInt32((SELECT count() FROM http_events WHERE ja4_client != '')) AS n`);
    assert.equal(row?.asn, 15169);
    assert((row?.n ?? 0) > 0);
  });
});
