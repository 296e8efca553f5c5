import assert from "node:assert/strict";
import { FatalError } from "../lib/errors.ts";
import { eventually, freePort, temporaryFolder } from "../lib/testing.ts";
import { Journal } from "./journal.ts";
import { type Part, Supervisor } from "./supervise.ts";

/** A child that prints `say`, then serves nothing and waits, unless it exits with `code`. */
function child(script: string, ready: Part["ready"] = { kind: "line" }): Part {
  return { name: "child", command: "sh", args: ["-c", script], ready };
}

const READY = `echo '{"event":"ready"}'`;

interface Bench extends AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly journal: string[];
  readonly lines: string[];
  readonly folder: string;
}

async function bench(): Promise<Bench> {
  const folder = await temporaryFolder();
  const journal: string[] = [];
  const lines: string[] = [];
  const recorder = new Journal((entry) => journal.push(entry.event));
  const supervisor = new Supervisor({
    logDir: folder.path,
    cwd: folder.path,
    journal: recorder,
    stopMs: 500,
    onLine: (_, line) => lines.push(line),
  });
  return {
    supervisor,
    journal,
    lines,
    folder: folder.path,
    async [Symbol.asyncDispose](): Promise<void> {
      await supervisor.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Whether a process exists and is no zombie. */
async function lives(pid: number): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return !/\) Z /.test(stat);
  } catch {
    return false;
  }
}

Deno.test("Supervisor.start() waits for the ready line and files what the part writes", async () => {
  await using made = await bench();
  await made.supervisor.start(child(`echo one >&2; ${READY}; exec sleep 60`));
  assert.equal(made.supervisor.status[0]?.state, "ready");
  await eventually("the line", () => made.lines.includes("one"));
  await made.supervisor.stop();
  assert.deepEqual(made.journal, ["started", "ready", "stopped"]);
  const filed = await Deno.readTextFile(`${made.folder}/child.log`);
  assert.deepEqual(filed.trim().split("\n").sort(), [
    "one",
    `{"event":"ready"}`,
  ]);
});

Deno.test("Supervisor.start() waits for a port", async () => {
  await using made = await bench();
  const port = freePort();
  const script = `sleep 0.2; exec python3 -c '
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", ${port})); s.listen(); time.sleep(60)'`;
  await made.supervisor.start(child(script, { kind: "tcp", port }));
  assert.equal(made.supervisor.status[0]?.state, "ready");
});

Deno.test("Supervisor.start() passes on a part's exit code and words", async () => {
  await using made = await bench();
  await assert.rejects(
    made.supervisor.start(child("echo 'ja4-child: no such key' >&2; exit 78")),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "config" &&
      thrown.message.includes("ja4-child: no such key"),
  );
  assert.equal(made.supervisor.status[0]?.state, "failed");
});

Deno.test("Supervisor restarts a part that was killed and says so", async () => {
  await using made = await bench();
  await made.supervisor.start(child(`${READY}; exec sleep 60`));
  const before = made.supervisor.status[0]?.pid ?? 0;
  Deno.kill(before, "SIGKILL");
  const after = await eventually("the restart", () => {
    const status = made.supervisor.status[0];
    return status?.state === "ready" && status.restarts === 1 && status.pid;
  });
  assert.notEqual(after, before);
  assert.deepEqual(made.journal, ["started", "ready", "killed", "restarted"]);
});

Deno.test("Supervisor does not restart what a restart cannot mend", async () => {
  await using made = await bench();
  await made.supervisor.start(child(`${READY}; sleep 0.1; exit 77`));
  await eventually(
    "the failure",
    () => made.supervisor.status[0]?.state === "failed",
  );
  assert.deepEqual(made.journal, ["started", "ready", "exited", "failed"]);
});

Deno.test("Supervisor.stop() ends what ignores SIGTERM, with all its descendants", async () => {
  await using made = await bench();
  await made.supervisor.start(
    child(
      `trap '' TERM; sleep 60 & echo "child $!"; ${READY}; while :; do sleep 1; done`,
    ),
  );
  const line = await eventually(
    "the child",
    () => made.lines.find((line) => line.startsWith("child ")),
  );
  const descendant = Number(line.split(" ")[1]);
  const leader = made.supervisor.status[0]?.pid ?? 0;
  assert(await lives(leader) && await lives(descendant));
  await made.supervisor.stop();
  await eventually(
    "the end of both",
    async () => !await lives(leader) && !await lives(descendant),
  );
});

Deno.test("Supervisor blocks SIGUSR1 in its parts", async () => {
  await using made = await bench();
  await made.supervisor.start({
    name: "child",
    command: Deno.execPath(),
    args: [
      "eval",
      `console.log(Deno.readTextFileSync("/proc/self/status").match(/SigBlk.*/)[0]);
       console.log('{"event":"ready"}'); setInterval(() => {}, 1000);`,
    ],
    ready: { kind: "line" },
  });
  const line = made.lines.find((line) => line.startsWith("SigBlk")) ?? "";
  const mask = BigInt(`0x${line.split(/\s+|\\u\{09\}/).at(-1)}`);
  assert.notEqual(mask & (1n << 9n), 0n); // SIGUSR1 is signal 10, bit 9
});
