/** What an operator meets at the command line: one clear line and the right exit code. */
import assert from "node:assert/strict";
import { EXIT } from "../lib/errors.ts";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { request } from "../correlate/testing.ts";
import { eventually } from "../lib/testing.ts";
import { correlateIn, WebServer } from "./correlate_process.ts";

const ROOT = new URL("../", import.meta.url);

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<
  { code: number; out: string; error: string }
> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", ...args],
    cwd: ROOT,
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
}

const JOIN = "correlate/join_files.ts";
const CORRELATE = "correlate/main.ts";

Deno.test.each<
  {
    name: string;
    args: string[];
    env?: Record<string, string>;
    code: number;
    error: RegExp;
  }
>([
  {
    name: "join without files",
    args: [JOIN],
    code: EXIT.usage,
    error: /^ja4-join: Expected two files/,
  },
  {
    name: "join of a missing file",
    args: [JOIN, "/nonexistent", "/dev/null"],
    code: EXIT.noInput,
    error: /^ja4-join: Cannot read "\/nonexistent": No such file/,
  },
  {
    name: "join of a folder",
    args: [JOIN, "/dev/null", "/"],
    code: EXIT.noInput,
    error: /^ja4-join: Cannot read "\/": /,
  },
  {
    name: "join of a file that is no NDJSON",
    args: [JOIN, "deno.json", "/dev/null"],
    code: EXIT.dataFormat,
    error: /^ja4-join: \d+ lines were no events\n$/,
  },
  {
    name: "an unknown option",
    args: [CORRELATE, "--frobnicate"],
    code: EXIT.usage,
    error: /frobnicate/,
  },
  {
    name: "a missing configuration",
    args: [CORRELATE, "--config", "/nonexistent.toml"],
    code: EXIT.noInput,
    error: /Cannot read the configuration/,
  },
  {
    name: "every fault of a configuration",
    args: [CORRELATE, "--check-config"],
    env: {
      JA4_JOIN__SKEW_MS: "-1",
      JA4_HTTP__PATH: "relative",
      JA4_FILTER__EXCLUDE: '["10.0.0.1/8"]',
      JA4_NETWORK__MODE: "rw",
    },
    code: EXIT.config,
    error:
      /JA4_JOIN__SKEW_MS: join\.skew_ms: expected a whole number from 0 to 60000, found -1\n[^]*filter\.exclude/,
  },
  {
    name: "hmac without a key",
    args: [CORRELATE],
    env: { JA4_PRIVACY__ADDRESSES: "hmac", JA4_SPOOL__ENABLED: "false" },
    code: EXIT.config,
    error: /privacy\.key_file: expected a path/,
  },
  {
    name: "a password file that is not there",
    args: [CORRELATE],
    env: { JA4_CLICKHOUSE__PASSWORD_FILE: "/nonexistent" },
    code: EXIT.noInput,
    error: /Cannot read the database password/,
  },
  {
    name: "a spool that cannot be made",
    args: [CORRELATE],
    env: { JA4_SPOOL__DIR: "/proc/nonexistent/spool" },
    code: EXIT.noInput,
    error: /^ja4-correlate: Cannot use the spool "\/proc/,
  },
])("command line: $name", async ({ args, env = {}, code, error }) => {
  await using folder = await temporaryFolder();
  const found = await run(args, {
    JA4_NETWORK__PATH: `${folder.path}/network.socket`,
    JA4_HTTP__PATH: `${folder.path}/http.socket`,
    JA4_SPOOL__DIR: `${folder.path}/spool`,
    JA4_HEALTH__LISTEN: "127.0.0.1:0",
    ...env,
  });
  assert.match(found.error, error);
  assert.equal(found.code, code, found.error);
  assert.ok(!/\n {4}at /.test(found.error), "no stack");
});

Deno.test("command line: a second correlator on the same spool or socket refuses to start", async () => {
  await using folder = await temporaryFolder();
  await using first = await correlateIn(folder.path, {
    clickhouse: { url: "http://127.0.0.1:9" },
  });
  await first.start();
  const env = {
    JA4_NETWORK__PATH: first.network,
    JA4_HTTP__PATH: first.http,
    JA4_SPOOL__DIR: first.spool,
    JA4_HEALTH__LISTEN: "127.0.0.1:0",
  };
  const sameSpool = await run([CORRELATE], env);
  assert.equal(sameSpool.code, EXIT.unavailable);
  assert.match(sameSpool.error, /another process has it locked\n$/);
  const sameSocket = await run([CORRELATE], {
    ...env,
    JA4_SPOOL__DIR: `${folder.path}/other`,
  });
  assert.equal(sameSocket.code, EXIT.unavailable);
  assert.match(
    sameSocket.error,
    /Cannot listen on ".*\.socket": another process does\n/,
  );
  assert.equal(await first.stop(), 0);
});

Deno.test("SIGTERM ends within seconds and keeps what the database did not take", async () => {
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: { url: "http://127.0.0.1:9" },
  });
  await correlate.start();
  using server = new WebServer(correlate.http);
  for (let seq = 1; seq <= 50; seq++) {
    await server.send(
      request({
        ts: Date.now() * 1000,
        pid: 1,
        seq,
        conn: seq,
        conn_ts: Date.now() * 1000,
      }),
    );
  }
  const started = performance.now();
  assert.equal(await correlate.stop(), 0);
  assert.ok(performance.now() - started < 10_000);
  assert.match(correlate.log, /"rows_left":50/);
  await correlate.start();
  assert.match(
    correlate.log,
    /Rows of an earlier run are delivered first","rows":50/,
  );
});

/** Mounting needs root in a namespace that allows it. */
const canMount = Deno.uid() === 0 && exists("/bin/mount") &&
  (await new Deno.Command("unshare", { args: ["-m", "true"] }).output().catch(
    () => ({ success: false }),
  )).success;

Deno.test({
  name:
    "a full disk stops nothing: what finds no room is counted, and room is used again",
  ...needs(canMount, "mounting a small file system needs root"),
  async fn() {
    await using folder = await temporaryFolder();
    const spool = `${folder.path}/spool`;
    await Deno.mkdir(spool);
    const mount = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=1m", "tmpfs", spool],
    }).output();
    assert.ok(mount.success);
    try {
      await using correlate = await correlateIn(folder.path, {
        clickhouse: { url: "http://127.0.0.1:9" },
      });
      await correlate.start();
      using server = new WebServer(correlate.http);
      const filler = `${spool}/filler`;
      await Deno.writeFile(filler, new Uint8Array(900_000));
      let sent = 0;
      const send = async (count: number): Promise<void> => {
        for (let n = 0; n < count; n++, sent++) {
          assert.ok(
            await server.send(
              request({
                ts: Date.now() * 1000,
                url_scheme: "http",
                url_path: `/${sent}`,
              }),
            ),
          );
        }
      };
      await send(400);
      const written = (): Promise<number> =>
        correlate.metric('correlate_spool_rows_total{what="written"}');
      await eventually("the disk to be full", async () => {
        const received = await correlate.metric(
          'correlate_events_received_total{source="http"}',
        );
        return received === sent && await written() < sent;
      });
      await Deno.remove(filler);
      await send(1);
      // What waited in memory is written now: nothing was lost.
      await eventually("all rows", async () => await written() === sent);
      assert.equal(
        await correlate.metric(
          'correlate_rows_dropped_total{reason="refused"}',
        ),
        0,
      );
      assert.equal(await correlate.stop(), 0);
    } finally {
      await new Deno.Command("umount", { args: [spool] }).output();
    }
  },
});
