/** The sender of packets beside this file, compiled and run. @module */
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../lib/testing.ts";
import { type Network, run } from "./network.ts";
import { type Packet, pcapFile } from "./packets.ts";

/** What the sender says. */
export interface Sent {
  readonly sent: number;
  readonly failed: number;
  /** Time it took, microseconds. */
  readonly us: number;
}

/** How often and how fast packets are sent. */
export interface Pace {
  readonly packetsPerSecond: number;
  readonly rounds: number;
}

/** Sends Ethernet packets from the far end; each round counts up their IPv4 source addresses. */
export async function sendPackets(
  network: Network,
  packets: readonly Packet[],
  { packetsPerSecond, rounds }: Pace = { packetsPerSecond: 1000, rounds: 1 },
): Promise<Sent> {
  await using folder = await temporaryFolder();
  const program = `${folder.path}/blast`;
  const file = `${folder.path}/packets.pcap`;
  const source = fileURLToPath(new URL("blast.c", import.meta.url));
  await checked(run("gcc", [
    ...["-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source],
  ]));
  await Deno.writeFile(file, pcapFile(packets));
  const { command, args } = network.there(
    program,
    network.far.interface,
    file,
    String(packetsPerSecond),
    String(rounds),
  );
  return JSON.parse(await checked(run(command, args))) as Sent;
}

async function checked(outcome: ReturnType<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
