/**
 * tcpdump on the loopback interface: which address and port each client really had. A client puts a
 * mark, `x-NAME-x`, into what it sends in clear, its server name or its path.
 *
 * @module
 */
import { ipFromBytes } from "../../lib/ip.ts";
import { eventually } from "../../lib/testing.ts";

const LITTLE_ENDIAN = true;

/** A packet with data from a client. */
export interface WirePacket {
  /** Microseconds since the epoch. */
  readonly ts: number;
  /** `ADDRESS PORT` of the client. */
  readonly source: string;
  readonly destPort: number;
  /** NAMEs of the marks in it. */
  readonly marks: readonly string[];
}

/** Names of the marks in `text`. */
export function marksIn(text: string): string[] {
  return [...text.matchAll(/x-([a-z0-9]+)-x/g)].map(([, name = ""]) => name);
}

/** tcpdump, from its start until {@linkcode packets} ends it. */
export class Wire implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #path: string;
  readonly #end: Deno.TcpListener;
  readonly #errors: ReadableStreamDefaultReader<string>;
  #said = "";
  #ended = false;

  /** Watches what goes to `ports`; the packets rest in a file at `path`. */
  constructor(path: string, ports: readonly number[]) {
    this.#path = path;
    this.#end = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const all = [...ports, this.#end.addr.port];
    this.#child = new Deno.Command("/usr/bin/tcpdump", {
      // deno-fmt-ignore
      args: ["-i", "lo", "-n", "-U", "-s", "4096", "-B", "65536", "-Z", "root", "-w", path,
        `tcp and (${all.map((port) => `dst port ${port}`).join(" or ")})`],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#errors = this.#child.stderr
      .pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Resolves once packets are seen. */
  async ready(): Promise<void> {
    while (!this.#said.includes("listening on")) {
      if (!await this.#listen()) throw new Error(this.#said);
    }
  }

  /**
   * Everything that was seen. tcpdump ends without what the kernel still holds, so a mark of our own
   * comes last.
   *
   * @throws {Error} if the kernel dropped packets.
   */
  async packets(): Promise<WirePacket[]> {
    {
      const { hostname, port } = this.#end.addr;
      using connection = await Deno.connect({ hostname, port });
      await connection.write(new TextEncoder().encode("x-end-x"));
      await eventually(
        "the last packet",
        async () =>
          readPackets(await Deno.readFile(this.#path))
            .some(({ destPort }) => destPort === port),
      );
    }
    await this.#stop();
    if (!/\n0 packets dropped by kernel/.test(this.#said)) {
      throw new Error(this.#said);
    }
    return readPackets(await Deno.readFile(this.#path));
  }

  async #listen(): Promise<boolean> {
    const { value, done } = await this.#errors.read();
    this.#said += value ?? "";
    return !done;
  }

  async #stop(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#end.close();
    this.#child.kill("SIGINT");
    while (await this.#listen());
    await this.#child.status;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop();
  }
}

/** The packets with data in a capture file as tcpdump writes it here: little endian, Ethernet. */
function readPackets(file: Uint8Array): WirePacket[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const packets: WirePacket[] = [];
  const latin1 = new TextDecoder("latin1");
  const u32 = (at: number) => view.getUint32(at, LITTLE_ENDIAN);
  for (let at = 24; at + 16 <= file.length;) {
    const ts = u32(at) * 1e6 + u32(at + 4);
    const length = u32(at + 8);
    const frame = file.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    const version6 = frame[12] === 0x86;
    const ip = 14;
    const tcp = ip + (version6 ? 40 : ((frame[ip] ?? 0) & 15) * 4);
    const data = frame.subarray(tcp + ((frame[tcp + 12] ?? 0) >> 4) * 4);
    if (data.length === 0) continue;
    const address = version6
      ? ipFromBytes(frame.subarray(ip + 8, ip + 24))
      : frame.subarray(ip + 12, ip + 16).join(".");
    const port = (offset: number) =>
      (frame[tcp + offset] ?? 0) << 8 | (frame[tcp + offset + 1] ?? 0);
    packets.push({
      ts,
      source: `${address} ${port(0)}`,
      destPort: port(2),
      marks: marksIn(latin1.decode(data)),
    });
  }
  return packets;
}
