/**
 * The capture daemon: ClientHellos on a network interface in, HandshakeEvents to the correlator
 * (and to a file or standard output) out.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { dropPrivileges, isRoot, kernelText } from "../ffi/libc.ts";
import { checkFilter } from "../ffi/pcap.ts";
import { FatalError } from "../lib/errors.ts";
import { type Logger, startLog } from "../lib/log.ts";
import { serveHealth } from "../lib/metrics.ts";
import { main, type Program } from "../lib/program.ts";
import { captureRegistry } from "./capture_metrics.ts";
import { type CaptureConfig, captureSchema } from "./config.ts";
import { EvidenceRing } from "./evidence.ts";
import { now } from "./lane.ts";
import { Lanes, type LanesReport } from "./lanes.ts";
import { openFile, openSocket, openStdout, Outlet } from "./outlet.ts";
import { statsEvent } from "./totals.ts";

/** DLT_EN10MB: the link layer for which a filter is checked before anything is opened. */
const ETHERNET = 1;
/** Name of the files of evidence if no other is given. */
const EVIDENCE_NAME = "capture.pcapng";
const EVIDENCE_FOLDER = "/var/lib/ja4-platform/evidence";

/** The program behind `deno task capture`. */
export const program: Program<typeof captureSchema> = {
  name: "capture",
  summary: "Captures TLS ClientHellos and sends their fingerprints",
  help:
    `  -w, --write FILE    keep what is captured as a ring of pcapng files, named after FILE
                      and bounded by [evidence] file_bytes and files
`,
  options: { write: { type: "string", short: "w" } },
  schema: captureSchema,
  daemon: true,
  async run({ config, options, signal, ready }) {
    checkFilter(config.capture.filter, ETHERNET);
    checkOutlets(config);
    const evidencePath = pathOfEvidence(config, options["write"]);
    const log = await startLog("capture", config.log.level);
    const stopping = new AbortController();
    const stopped = AbortSignal.any([signal, stopping.signal]);
    const outlets: Outlet[] = [];
    let evidence: EvidenceRing | undefined;
    const facts = {
      sensor: config.capture.sensor || Deno.hostname(),
      boot: Math.floor(Date.now() / 1000),
    };
    const take = (report: LanesReport): void => {
      switch (report.kind) {
        case "events":
          return outlets.forEach((outlet) => outlet.push(report.lines));
        case "packets":
          return evidence?.push(report.pieces, report.facts);
        default:
          logReport(log, report);
      }
    };
    const lanes = await openLanes({
      ...facts,
      capture: config.capture,
      evidence: evidencePath !== undefined,
    }, take);
    const emitStats = (): void => {
      const { totals } = lanes;
      if (totals === undefined) return;
      const event = statsEvent(totals, {
        ...facts,
        ts: now(),
        eventsDropped: outlets.reduce((sum, o) => sum + o.eventsDropped, 0),
        memoryBytes: Deno.memoryUsage().rss,
      });
      const line = new TextEncoder().encode(JSON.stringify(event) + "\n");
      for (const outlet of outlets) outlet.push(line);
    };
    const reopenFile = (): void =>
      outlets.find(({ name }) => name === "file")?.reopen();
    let stats: ReturnType<typeof setInterval> | undefined;
    let health: { finished: Promise<void> } | undefined;
    let captured = false;
    try {
      becomeUser(config.capture.user, log);
      evidence = evidencePath === undefined
        ? undefined
        : openEvidence(evidencePath, config, log);
      health = serveHealth({
        listen: config.health.listen,
        registry: captureRegistry({
          totals: () => lanes.totals,
          outlets,
          evidence,
          isUp: () => lanes.state === "up",
        }),
        notReady: () => notReady(lanes, outlets),
        signal: stopped,
      });
      outlets.push(...openOutlets(config, log));
      Deno.addSignalListener("SIGHUP", reopenFile);
      stats = setInterval(emitStats, config.capture.stats_interval_s * 1000);
      ready(`Capturing on ${config.capture.interface}`);
      captured = true;
      await lanes.run(signal);
    } finally {
      clearInterval(stats);
      Deno.removeSignalListener("SIGHUP", reopenFile);
      if (!captured) lanes.close();
      // The last counts too reach the reader.
      emitStats();
      stopping.abort();
      await Promise.all([
        ...outlets.map((outlet) => outlet.stop()),
        evidence?.stop(),
      ]);
      await health?.finished;
    }
  },
};

/** Whether this process was root once; what it is not any more stays so. */
let droppedPrivileges = false;

/** @throws {FatalError} as `Lanes.open`. */
async function openLanes(
  ...args: Parameters<typeof Lanes.open>
): Promise<Lanes> {
  try {
    return await Lanes.open(...args);
  } catch (thrown) {
    if (!droppedPrivileges || !(thrown instanceof FatalError)) throw thrown;
    if (thrown.exit !== "noPermission") throw thrown;
    // Who started it as root can do so again; the configuration is not at fault.
    throw new FatalError(
      "unavailable",
      "The changed configuration needs a restart: the interface cannot be opened again without root",
      { cause: thrown },
    );
  }
}

function logReport(
  log: Logger,
  report: Exclude<LanesReport, { kind: "events" | "packets" }>,
): void {
  switch (report.kind) {
    case "opened": {
      const { interface: name, linkType, filter } = report.link;
      log.info("Capturing", { interface: name, link_type: linkType });
      return log.debug("The kernel filter", { filter });
    }
    case "lost":
      return log.error(
        "Lost the interface; packets are missed until it is back",
        {
          interface: report.interface,
          reason: report.reason,
        },
      );
    case "trapped":
      return log.error("The parser failed and was replaced", {
        reason: report.reason,
      });
  }
}

function notReady(lanes: Lanes, outlets: readonly Outlet[]): string[] {
  const reasons = {
    closed: ["The interface is not open"],
    down: ["The interface is down"],
    up: [],
  };
  return [
    ...reasons[lanes.state],
    ...outlets.filter(({ connected }) => !connected).map(({ name }) =>
      `No reader at outlet "${name}"`
    ),
  ];
}

function openOutlets(config: CaptureConfig, log: Logger): Outlet[] {
  const { socket, file, stdout } = config;
  const outlets: Outlet[] = [];
  const add = (
    name: string,
    section: { enabled: boolean; backlog_bytes: number },
    open: () => ReturnType<typeof openStdout>,
  ): void => {
    if (!section.enabled) return;
    const backlogBytesMax = section.backlog_bytes;
    outlets.push(new Outlet({ name, backlogBytesMax, open, log }));
  };
  const unreadMax = socketBytes();
  add("socket", socket, () => openSocket(socket.path, unreadMax));
  add("file", file, () => openFile(file.path));
  add("stdout", stdout, openStdout);
  return outlets;
}

/** net.core.wmem_default where it cannot be read, and what the kernel may add to it. */
const SOCKET_BYTES = { usual: 212_992, more: 65_536 } as const;

/** Most bytes that lie unread in a UNIX socket. */
function socketBytes(): number {
  const text = kernelText("/proc/sys/net/core/wmem_default");
  return SOCKET_BYTES.more +
    (text === undefined ? SOCKET_BYTES.usual : Number(text));
}

function checkOutlets({ socket, file, stdout }: CaptureConfig): void {
  if (socket.enabled || file.enabled || stdout.enabled) return;
  throw new FatalError(
    "config",
    "No outlet is enabled: set [socket], [file] or [stdout] enabled = true",
  );
}

/**
 * Where evidence is kept, if it is: by the command line, else by the configuration.
 *
 * @throws {FatalError} `noPermission` if Deno does not let this process write there.
 */
function pathOfEvidence(
  { evidence }: CaptureConfig,
  option: unknown,
): string | undefined {
  const wanted = typeof option === "string"
    ? resolve(option)
    : evidence.folder === ""
    ? undefined
    : join(evidence.folder, EVIDENCE_NAME);
  if (wanted === undefined) return undefined;
  const folder = dirname(wanted);
  const isAllowed = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path: folder }).state === "granted"
  );
  if (isAllowed) return wanted;
  throw new FatalError(
    "noPermission",
    `Cannot keep evidence in "${folder}": --allow-read and --allow-write do not name it; ` +
      `those of "deno task capture" name ${EVIDENCE_FOLDER}`,
  );
}

/** @throws {FatalError} `noInput` or `noPermission` if nothing can be written there. */
function openEvidence(
  path: string,
  { evidence }: CaptureConfig,
  log: Logger,
): EvidenceRing {
  const folder = dirname(path);
  try {
    // Whether the user may write there shows before the first packet.
    Deno.removeSync(Deno.makeTempFileSync({ dir: folder, prefix: ".ja4-" }));
  } catch (thrown) {
    const isMissing = thrown instanceof Deno.errors.NotFound;
    throw new FatalError(
      isMissing ? "noInput" : "noPermission",
      `Cannot keep evidence in "${folder}": ${
        isMissing ? "there is no such folder" : "the user may not write there"
      }`,
      { cause: thrown },
    );
  }
  return new EvidenceRing({
    path,
    fileBytes: evidence.file_bytes,
    fileCount: evidence.files,
    now: Date.now,
    log,
  });
}

function becomeUser(user: string, log: Logger): void {
  if (!isRoot()) return;
  if (user === "") {
    log.warn("Running as root; set [capture] user to drop privileges", {});
    return;
  }
  dropPrivileges(user);
  droppedPrivileges = true;
  log.info("Dropped privileges", { user });
}

if (import.meta.main) await main(program);
