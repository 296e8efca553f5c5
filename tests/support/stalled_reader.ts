/**
 * Reads datagrams as the correlator does, with a main thread that stands still for so many
 * milliseconds each second. Prints "ready", and how many it took once stdin has ended.
 */
import { openHttpSocket } from "../../correlate/http_socket.ts";
import { MessageBatch } from "../../correlate/messages.ts";

const [path = "", stallMs = "0"] = Deno.args;
const socket = await openHttpSocket({
  ...{ path, mode: 0o600, bytesMax: 65_536, ringBytes: 16 * 2 ** 20 },
});
out("ready\n");
let ended = false;
const input = Deno.stdin.read(new Uint8Array(1)).then(() => ended = true);
const batch = new MessageBatch();
const still = new Int32Array(new SharedArrayBuffer(4));
let taken = 0;
let stalledMs = performance.now();
while (!ended) {
  while (socket.ring.take(batch, 1000)) taken += batch.count;
  await socket.ring.wait(10);
  if (performance.now() - stalledMs < 1000) continue;
  Atomics.wait(still, 0, 0, Number(stallMs));
  stalledMs = performance.now();
}
await input;
await socket.close();
while (socket.ring.take(batch, 1000)) taken += batch.count;
out(`${taken}\n`);

function out(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
