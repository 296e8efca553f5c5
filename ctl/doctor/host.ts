/** What the host itself has to have: libpcap, an interface, rights, queues, disk. @module */
import { existsSync, globSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../../lib/errors.ts";
import { textOf } from "../host_config.ts";
import { defaultInterface } from "../routes.ts";
import { sizeOf } from "../table.ts";
import { QUEUE_LENGTH, queueLength } from "../queue_length.ts";
import { failure, type Finding, ok, type Patient, warning } from "./finding.ts";

/** Bit of CAP_NET_RAW in a capability mask (capabilities(7)). */
const CAP_NET_RAW = 13n;
/** IFF_UP of netdevice(7). */
const IFF_UP = 1;

const LIBPCAP = [
  "/usr/lib/*-linux-gnu/libpcap.so.{0.8,1}",
  "/usr/lib64/libpcap.so.1",
  "/usr/lib/libpcap.so.1",
];
/** The oldest release that the packages are tested with, that of Enterprise Linux 8. */
const LIBPCAP_MIN = [1, 9, 1] as const;

const LITTLE_ENDIAN = true;
/** e_machine of elf(5), by the name that Deno has for it. */
const MACHINE: Readonly<Record<typeof Deno.build.arch, number>> = {
  x86_64: 62,
  aarch64: 183,
};

/** Findings on the host, in the order of the data's way. */
export async function examineHost({ configs }: Patient): Promise<Finding[]> {
  return [
    await findLibpcap(),
    await findInterface(textOf(configs.capture, "capture", "interface")),
    await findCapability(),
    await findQueueLength(),
    ...findDisks([
      textOf(configs.correlate, "spool", "dir"),
      textOf(configs.store, "store", "dir"),
    ]),
  ];
}

async function findLibpcap(): Promise<Finding> {
  const what = "libpcap";
  const remedy =
    "install it: dnf install libpcap, or apt-get install libpcap0.8";
  const [path] = globSync(LIBPCAP);
  if (path === undefined) return failure(what, "not found", remedy);
  const bytes = await Deno.readFile(path);
  const view = new DataView(bytes.buffer);
  const isLibrary = bytes.length > 20 && view.getUint32(0) === 0x7f454c46;
  if (
    !isLibrary || view.getUint16(18, LITTLE_ENDIAN) !== MACHINE[Deno.build.arch]
  ) {
    return failure(
      what,
      `${path} is no library for ${Deno.build.arch}`,
      "install it anew",
    );
  }
  const text = new TextDecoder("latin1").decode(bytes);
  const found = /libpcap version (\d+)\.(\d+)\.(\d+)/.exec(text);
  if (found === null) return ok(what, path);
  const version = found.slice(1).map(Number);
  const shown = `${path}, version ${version.join(".")}`;
  return isOlder(version, LIBPCAP_MIN)
    ? failure(what, shown, `at least ${LIBPCAP_MIN.join(".")} is needed`)
    : ok(what, shown);
}

function isOlder(
  version: readonly number[],
  least: readonly number[],
): boolean {
  for (const [index, number] of least.entries()) {
    const own = version[index] ?? 0;
    if (own !== number) return own < number;
  }
  return false;
}

async function findInterface(configured: string): Promise<Finding> {
  const what = "interface";
  if (configured === "any") return ok(what, "all of them");
  const name = configured.startsWith("route")
    ? await defaultInterface() ?? ""
    : configured;
  if (name === "") {
    return warning(
      what,
      configured === "" ? "none is named" : "there is no default route",
      "set [capture] interface in capture.toml",
    );
  }
  const folder = `/sys/class/net/${name}`;
  if (!existsSync(folder)) {
    return failure(
      what,
      `there is no "${name}"`,
      "see ip link, and set [capture] interface",
    );
  }
  const flags = Number(await Deno.readTextFile(`${folder}/flags`));
  return (flags & IFF_UP) === IFF_UP
    ? ok(what, name)
    : failure(what, `"${name}" is down`, `run ip link set ${name} up`);
}

async function findCapability(): Promise<Finding> {
  const what = "permission to capture";
  const status = await Deno.readTextFile("/proc/self/status");
  const mask = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
  return (mask >> CAP_NET_RAW & 1n) === 1n ? ok(what, "CAP_NET_RAW") : warning(
    what,
    "this user has no CAP_NET_RAW",
    "capture needs it, or root; its unit gives it",
  );
}

async function findQueueLength(): Promise<Finding> {
  const key = "net.unix.max_dgram_qlen";
  const length = await queueLength();
  return length >= QUEUE_LENGTH ? ok(key, String(length)) : warning(
    key,
    `${length}: bursts of requests may be lost`,
    `run sysctl -w ${key}=${QUEUE_LENGTH}`,
  );
}

/** Share of a disk that must be free, and what is enough however large it is. */
const FREE_SHARE = 0.05;
const FREE_BYTES = 2 * 2 ** 30;

function findDisks(folders: readonly string[]): Finding[] {
  return [...new Set(folders)].flatMap((folder) => {
    const what = `disk of ${folder}`;
    let place = folder;
    while (!existsSync(place) && place !== "/") place = dirname(place);
    try {
      const { bsize, blocks, bavail } = statfsSync(place);
      const free = bavail * bsize;
      const shown = `${sizeOf(free)} of ${sizeOf(blocks * bsize)} free`;
      return free < Math.min(FREE_BYTES, blocks * bsize * FREE_SHARE)
        ? failure(what, shown, "free some space, or keep less (retention)")
        : ok(what, shown);
    } catch (thrown) {
      return warning(what, messageOf(thrown), "look at it with df");
    }
  });
}
