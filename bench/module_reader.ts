/**
 * Reads the events of mod_reqin_log for `bench/module_bench.ts` with the correlator's thread and ring,
 * in a process of its own.
 *
 *     deno run -A --unstable-net bench/module_reader.ts SOCKET
 *
 * Says "ready", and how many it has taken when it gets SIGTERM.
 *
 * @module
 */
import { openHttpSocket } from "../correlate/http_socket.ts";
import { MessageBatch } from "../correlate/messages.ts";

const [path = ""] = Deno.args;
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
  const { promise: end, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGTERM", () => {
    ended = true;
    resolve();
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

await readAll();
Deno.exit(0);
