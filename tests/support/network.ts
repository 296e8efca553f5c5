/** A network of two hosts on this machine: a veth pair, one end in a namespace of its own. @module */
import { isRoot } from "../../ffi/libc.ts";

/** What a command said. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(
  command: string,
  args: readonly string[],
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Runs `ip` with words between blanks, and fails with what it says. */
export async function ip(words: string): Promise<void> {
  const { code, stderr } = await run("ip", words.split(" "));
  if (code !== 0) throw new Error(`ip ${words}: ${stderr.trim()}`);
}

/** Whether {@linkcode startNetwork} works here: root, the command ip, and the right to use it. */
export async function hasNetworks(): Promise<boolean> {
  if (!isRoot()) return false;
  const name = `ja4probe${Deno.pid % 10_000}`;
  try {
    await ip(`netns add ${name}`);
    await ip(`netns delete ${name}`);
    return true;
  } catch {
    return false;
  }
}

/** One end of the pair. */
export interface End {
  readonly interface: string;
  readonly v4: string;
  readonly v6: string;
}

/** The pair. */
export interface Network extends AsyncDisposable {
  readonly near: End;
  readonly far: End;
  /** The namespace of the far end. */
  readonly namespace: string;
  /** `command` and its arguments as they run at the far end. */
  there(...command: string[]): { command: string; args: string[] };
}

let networks = 0;

/**
 * Makes the pair, both ends up. Packets are as long as on an Ethernet: nothing joins segments
 * that were sent apart.
 */
export async function startNetwork(): Promise<Network> {
  const id = `${Deno.pid % 100_000}${networks++}`;
  const namespace = `ja4n${id}`;
  // Of the range for benchmarks (RFC 2544): 198.18.0.0/15.
  const octets = `198.${18 + (Deno.pid >> 8 & 1)}.${Deno.pid & 255}`;
  const subnet = (networks % 60) * 4;
  const prefix = `fd18:${(Deno.pid & 0xffff).toString(16)}:${networks}::`;
  const near = {
    interface: `ja4a${id}`,
    v4: `${octets}.${subnet + 1}`,
    v6: `${prefix}1`,
  };
  const far = {
    interface: `ja4b${id}`,
    v4: `${octets}.${subnet + 2}`,
    v6: `${prefix}2`,
  };
  const network: Network = {
    near,
    far,
    namespace,
    there: (...command) => ({
      command: "ip",
      args: ["netns", "exec", namespace, ...command],
    }),
    async [Symbol.asyncDispose]() {
      // The pair goes with the namespace; where it was deleted by hand, that is no fault.
      await run("ip", ["link", "delete", near.interface]);
      await run("ip", ["netns", "delete", namespace]);
    },
  };
  try {
    await ip(`netns add ${namespace}`);
    await ip(
      `link add ${near.interface} type veth peer name ${far.interface} netns ${namespace}`,
    );
    for (
      const [prefix, end] of [["", near], [`-n ${namespace} `, far]] as const
    ) {
      await ip(`${prefix}link set ${end.interface} gso_max_segs 1`);
      await ip(`${prefix}address add ${end.v4}/30 dev ${end.interface}`);
      await ip(
        `${prefix}address add ${end.v6}/64 dev ${end.interface} nodad`,
      );
      await ip(`${prefix}link set ${end.interface} up`);
    }
    await ip(`-n ${namespace} link set lo up`);
    return network;
  } catch (thrown) {
    await network[Symbol.asyncDispose]();
    throw thrown;
  }
}
