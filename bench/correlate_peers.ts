/**
 * The same join by other software, CPU time an event: Go with its standard library, syslog-ng's
 * grouping-by, and ClickHouse's ASOF JOIN over the two streams as files, a batch after the fact. What
 * is not on this machine is left out with a word.
 *
 * @module
 */
import { exists, temporaryFolder } from "../lib/testing.ts";
import { sql } from "../lib/sql.ts";
import { at, handshake, request } from "../correlate/testing.ts";
import { startStore } from "../tests/support/store.ts";

const PAIRS = 20_000;

/** Prints one figure. */
export type Print = (
  name: string,
  figure: { value: number; unit: string; baseline: number; ratio: number },
) => void;

/** Prints a line for each; `ratio` says how often our join with text is cheaper. */
export async function comparePeers(ownUs: number, print: Print): Promise<void> {
  await using folder = await temporaryFolder();
  const { hellos, requests } = await writeFiles(folder.path);
  const report = (name: string, cpuUs: number | string): void => {
    if (typeof cpuUs === "string") {
      // deno-lint-ignore no-console -- one line of the result
      return console.log(JSON.stringify({ name, skipped: cpuUs }));
    }
    print(name, {
      ...{ value: cpuUs, unit: "us/event", baseline: ownUs },
      ratio: cpuUs / ownUs,
    });
  };
  const go = await buildGo(folder.path);
  for (const kind of ["struct", "map"]) {
    report(
      `correlate_go_${kind}`,
      go === undefined ? "go is not here" : await runGo(go, [
        ...[kind, hellos, requests],
      ]),
    );
  }
  report(
    "correlate_syslog_ng_grouping_by",
    await runSyslogNg(folder.path, { hellos, requests }),
  );
  report(
    "correlate_clickhouse_asof_batch",
    await runAsof({ hellos, requests }),
  );
}

interface Files {
  readonly hellos: string;
  readonly requests: string;
}

async function writeFiles(dir: string): Promise<Files> {
  const files = {
    hellos: `${dir}/hellos.ndjson`,
    requests: `${dir}/requests.ndjson`,
  };
  const hellos: string[] = [];
  const requests: string[] = [];
  for (let n = 0; n < PAIRS; n++) {
    const place = {
      src_ip: `${10 + (n >> 16)}.${n >> 8 & 255}.${n & 255}.7`,
      src_port: 1024 + n % 60_000,
    };
    const ts = at(n / 10);
    hellos.push(JSON.stringify(handshake({
      ...{ ...place, ts, seq: n + 1, client_random_hash: `${n}` },
    })));
    requests.push(JSON.stringify(request({
      ...{ ...place, ts: ts + 2000, conn: n, conn_ts: ts },
      ...{ pid: n % 8, seq: (n >> 3) + 1, url_path: `/api/v1/items/${n}` },
    })));
  }
  await Deno.writeTextFile(files.hellos, hellos.join("\n") + "\n");
  await Deno.writeTextFile(files.requests, requests.join("\n") + "\n");
  return files;
}

async function buildGo(dir: string): Promise<string | undefined> {
  const program = `${dir}/join`;
  try {
    const { success } = await new Deno.Command("go", {
      args: ["build", "-o", program, "join.go"],
      cwd: new URL("peers/", import.meta.url),
      env: { GO111MODULE: "off", GOCACHE: `${dir}/go` },
      stderr: "inherit",
    }).output();
    return success ? program : undefined;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

async function runGo(
  program: string,
  args: readonly string[],
): Promise<number> {
  const { stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { GOMAXPROCS: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  const [_, events, rows, cpuUs] =
    /events (\d+) rows (\d+) cpu_us (\d+)/.exec(text) ?? [];
  if (Number(rows) !== PAIRS) throw new Error(`Go joined ${rows}: ${text}`);
  return Number(cpuUs) / Number(events);
}

/**
 * grouping-by() closes a context of an address and port when it holds two messages. It cannot express
 * one handshake to many requests, nor a time window.
 */
async function runSyslogNg(
  dir: string,
  files: Files,
): Promise<number | string> {
  const program = "/usr/sbin/syslog-ng";
  if (!exists(program)) return "syslog-ng is not here";
  const out = `${dir}/out.ndjson`;
  await Deno.writeTextFile(
    `${dir}/syslog-ng.conf`,
    `@version: 3.38
options { stats-level(1); log-msg-size(16384); keep-hostname(yes); use-dns(no); };
source hellos { file("${files.hellos}" flags(no-parse) follow-freq(1) log-fetch-limit(1000)); };
source requests { file("${files.requests}" flags(no-parse) follow-freq(1) log-fetch-limit(1000)); };
rewrite raw_hello { set("$MSG" value("raw")); set("h" value("side")); };
rewrite raw_request { set("$MSG" value("raw")); set("r" value("side")); };
parser json { json-parser(prefix("j.")); };
parser pairs { grouping-by(key("\${j.src_ip}:\${j.src_port}") scope(global) timeout(60) inject-mode(aggregate-only)
  trigger("$(context-length)" == "2")
  aggregate(value("out" "{\\"request\\":$(grep (\\"$side\\" eq \\"r\\") $raw),\\"handshake\\":$(grep (\\"$side\\" eq \\"h\\") $raw)}") inherit-mode(none))); };
filter joined { "\${out}" ne "" };
destination file { file("${out}" template("\${out}\\n") flush-lines(1000) log-fifo-size(200000)); };
log { junction { channel { source(hellos); rewrite(raw_hello); }; channel { source(requests); rewrite(raw_request); }; };
  parser(json); parser(pairs); filter(joined); destination(file); };
`,
  );
  const child = new Deno.Command(program, {
    args: [
      ...["-F", "-f", `${dir}/syslog-ng.conf`, "-R", `${dir}/persist`],
      ...["-c", `${dir}/control`, "-p", `${dir}/pid`, "--no-caps"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  let size = -1;
  let cpuUs = NaN;
  // It waits for more for ever: done when the output stands still.
  for (let tries = 0; tries < 40 && !ended; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = await Deno.stat(out).then(({ size }) => size, () => 0);
    if (now === size && now > 0) break;
    size = now;
    cpuUs = await cpuOf(child.pid);
  }
  if (!ended) child.kill("SIGTERM");
  await status;
  const rows = size <= 0
    ? 0
    : (await Deno.readTextFile(out)).split("\n").length - 1;
  return rows < PAIRS
    ? `syslog-ng joined ${rows} of ${PAIRS}: ${(await said).slice(0, 200)}`
    : cpuUs / (2 * PAIRS);
}

/** CPU time of a process, microseconds. */
async function cpuOf(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** One thread, parsing of both files included, no output: it cannot answer while events come. */
async function runAsof({ hellos, requests }: Files): Promise<number> {
  await using store = await startStore();
  await using db = await store.database("ja4");
  for (const [table, file] of [["hellos", hellos], ["requests", requests]]) {
    await db.command(
      sql.trusted(`CREATE TABLE raw_${table} (line String) ENGINE = Memory`),
    );
    const text = await Deno.readTextFile(file ?? "");
    await db.insertRows(
      `raw_${table}`,
      text.trimEnd().split("\n").map((line) => ({ line })),
    );
  }
  const read = (table: string, columns: readonly string[]): string =>
    `(SELECT ${
      columns.map((column) => {
        const [name = "", type = ""] = column.split(" ");
        return `JSONExtract(line, '${name}', '${type}') AS ${name}`;
      }).join(", ")
    } FROM raw_${table})`;
  const text =
    `SELECT toFloat64(count()) AS rows, sum(length(ja4)) AS used FROM ${
      read("requests", [
        ...["src_ip String", "src_port UInt32", "ts Int64", "url_path String"],
        ...["http_host String", "status_code UInt16"],
      ])
    } AS r ASOF LEFT JOIN ${
      read("hellos", [
        ...["src_ip String", "src_port UInt32", "ts Int64", "ja4 String"],
        ...["sni String", "ja3 String"],
      ])
    } AS h ON r.src_ip = h.src_ip AND r.src_port = h.src_port AND r.ts >= h.ts WHERE h.ja4 != '' SETTINGS max_threads = 1`;
  let least = Infinity;
  for (let round = 0; round < 3; round++) {
    const before = await cpuOf(store.pid);
    const [found] = await db.query<{ rows: number }>(sql.trusted(text));
    if (found?.rows !== PAIRS) throw new Error(`ASOF joined ${found?.rows}`);
    least = Math.min(least, (await cpuOf(store.pid)) - before);
  }
  return least / (2 * PAIRS);
}
