/**
 * Reads the events of mod_reqin_log for `bench/module_bench.ts`, in a process of its own: with the
 * correlator's thread and ring as fast as they come, or one in `PAUSE_MS`.
 *
 *     deno run -A --unstable-net bench/module_reader.ts SOCKET PAUSE_MS
 *
 * Says "ready", and how many it took when its input ends.
 *
 * @module
 */
import { openHttpSocket } from "../correlate/http_socket.ts";
import { MessageBatch } from "../correlate/messages.ts";

const [path = "", pauseMs = "0"] = Deno.args;
const MODE = 0o666;

function print(line: string | number): void {
  // deno-lint-ignore no-console -- read by the benchmark
  console.log(line);
}

async function readAll(): Promise<void> {
  const socket = await openHttpSocket({
    path,
    mode: MODE,
    bytesMax: 65_536,
    ringBytes: 2 ** 24,
    probe: `${path}.probe`,
  });
  let events = 0;
  let ended = false;
  const batch = new MessageBatch();
  const take = () => {
    while (socket.ring.take(batch, 1000)) events += batch.count;
  };
  const end = Deno.stdin.read(new Uint8Array(1)).then(() => {
    ended = true;
  });
  print("ready");
  while (!ended) {
    take();
    await Promise.race([socket.ring.wait(100), end]);
  }
  await socket.close();
  take();
  print(events);
}

/** So seldom that the queue is always full. */
async function readSlowly(ms: number): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  await Deno.chmod(path, MODE);
  print("ready");
  let events = 0;
  const buffer = new Uint8Array(65_536);
  const end = Deno.stdin.read(new Uint8Array(1));
  for (let ended = false; !ended;) {
    const next = socket.receive(buffer).then(() => {
      events++;
      return new Promise<void>((done) => setTimeout(done, ms));
    });
    await Promise.race([next, end.then(() => ended = true)]);
  }
  print(events);
}

if (Number(pauseMs) > 0) await readSlowly(Number(pauseMs));
else await readAll();
Deno.exit(0);
