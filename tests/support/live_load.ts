/**
 * The capture daemon under load: packets at a steady pace from a network namespace over a veth
 * pair, with handshakes among them.
 *
 * @module
 */
import type { NetworkEvent } from "../../lib/events.ts";
import { eventually, temporaryFolder } from "../../lib/testing.ts";
import { sendPackets } from "./blast.ts";
import { handshakes, listenForEvents, startDaemon } from "./capture.ts";
import { startNetwork } from "./network.ts";
import {
  ACK,
  clientHello,
  Connection,
  EXT,
  ordinaryExtensions,
  type Packet,
  records,
} from "./packets.ts";

/** What is sent. */
export interface LoadOptions {
  readonly packetsPerSecond: number;
  readonly seconds: number;
  /**
   * Packets between handshakes: requests of clients, which the kernel filter drops, or the middle
   * of uploads, which pass it.
   */
  readonly others: "requests" | "uploads" | "half_open";
  /** Lines of `[capture]` beyond the interface. */
  readonly settings?: string;
}

/** What came of it. */
export interface LoadResult {
  readonly packetsSent: number;
  /** Packets the sender could not send. */
  readonly sendFailures: number;
  readonly packetsPerSecond: number;
  /** Packets that reached the process. */
  readonly packetsRead: number;
  readonly handshakesSent: number;
  /** Handshakes reported as complete. */
  readonly handshakesComplete: number;
  readonly kernelDrops: number;
  readonly interfaceDrops: number;
  readonly eventsDropped: number;
  readonly flowsEvicted: number;
  readonly flowsHeld: number;
  readonly traps: number;
  /** CPU time of the daemon during the load, share of one core. */
  readonly cpu: number;
  /** Resident memory a fifth into the load and at its end, and the most in between, bytes. */
  readonly memory: {
    readonly early: number;
    readonly end: number;
    readonly most: number;
  };
}

/** Connections in the file that is sent over and over. */
const CONNECTIONS = 50;
/** Packets of the file to a connection. */
const PACKETS_EACH = 100;

/** Runs the daemon under load. */
export async function liveLoad(options: LoadOptions): Promise<LoadResult> {
  await using folder = await temporaryFolder();
  await using network = await startNetwork();
  const socket = `${folder.path}/network.socket`;
  using reader = listenForEvents(socket);
  await using daemon = await startDaemon(
    folder.path,
    `[capture]
    interface = "${network.near.interface}"
    stats_interval_s = 1
    ${options.settings ?? ""}
    [socket]
    path = "${socket}"`,
  );
  const perRound = CONNECTIONS * PACKETS_EACH;
  const rounds = Math.ceil(
    options.packetsPerSecond * options.seconds / perRound,
  );
  const cpuBefore = cpuSeconds(daemon.pid);
  const { packetsPerSecond } = options;
  const sender = await sendPackets(network, load(options.others), {
    packetsPerSecond,
    rounds,
  });
  const cpu = cpuSeconds(daemon.pid) - cpuBefore;
  const handshakesSent = rounds * CONNECTIONS;
  // Two stats events in a row that say the same: nothing is under way any more.
  await eventually("the end of the load", () => {
    const [before, last] = statsOf(reader.events).slice(-2);
    return last !== undefined && last.packets === before?.packets &&
      handshakes(reader.events).length === last.handshakes;
  }, 30_000);
  const stats = statsOf(reader.events);
  const last = stats.at(-1);
  if (last === undefined) throw new Error("no stats");
  checkOrder(reader.events);
  const memory = stats.map(({ memory_bytes = 0 }) => memory_bytes);
  const early = memory[Math.floor(memory.length / 5)] ?? 0;
  return {
    packetsSent: sender.sent,
    sendFailures: sender.failed,
    packetsPerSecond: Math.round(sender.sent / sender.us * 1e6),
    packetsRead: last.packets,
    handshakesSent,
    handshakesComplete:
      handshakes(reader.events).filter(({ status }) => status === "complete")
        .length,
    kernelDrops: last.kernel_drops,
    interfaceDrops: last.interface_drops,
    eventsDropped: last.events_dropped,
    flowsEvicted: last.flows_evicted,
    flowsHeld: last.flows_held,
    traps: last.wasm_traps,
    cpu: Math.round(cpu / (sender.us / 1e6) * 1000) / 1000,
    memory: { early, end: memory.at(-1) ?? 0, most: Math.max(...memory) },
  };
}

/** @throws {Error} unless the events are numbered without a gap, in order of their time. */
function checkOrder(events: readonly NetworkEvent[]): void {
  let ts = 0;
  for (const [index, event] of handshakes(events).entries()) {
    if (event.seq !== index + 1 || event.ts < ts) {
      throw new Error(`event ${event.seq} at place ${index + 1}`);
    }
    ts = event.ts;
  }
}

function statsOf(events: readonly NetworkEvent[]) {
  return events.filter((event) => event.event_type === "stats");
}

/** CPU time of a process so far, with all its threads. */
function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]
    ?.split(" ") ?? [];
  // Fields 14 and 15 of proc(5), in ticks of a hundredth of a second.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Connections with a post-quantum ClientHello in two segments, and other packets in between. */
function load(others: LoadOptions["others"]): Packet[] {
  const hello = records(clientHello({
    extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
  }));
  const connections = Array.from({ length: CONNECTIONS }, (_, index) => {
    const connection = new Connection({
      source: "10.0.0.0",
      sourcePort: 1024 + index,
    });
    connection.syn().client(0, []).send(hello);
    const rest = PACKETS_EACH - connection.packets.length;
    // A record of application data begins in every segment, or long before it.
    const data = new Uint8Array(500).fill(0x55);
    if (others === "requests") data.set([0x17, 3, 3, 1, 0xef]);
    for (let packet = 0; packet < rest; packet++) {
      if (others === "half_open") {
        const port = 2000 + index * PACKETS_EACH + packet;
        const flood = new Connection({ source: "11.0.0.0", sourcePort: port });
        connection.packets.push(...flood.syn().packets);
      } else connection.client(hello.length + packet * 500, data, ACK);
    }
    return connection.packets;
  });
  // The connections take turns.
  return Array.from(
    { length: PACKETS_EACH },
    (_, packet) => connections.map((packets) => packets[packet] as Packet),
  ).flat();
}
