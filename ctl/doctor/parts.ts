/** The parts: their configuration, whether they work, what they lost, and how they are held. @module */
import { existsSync } from "node:fs";
import { messageOf } from "../../lib/errors.ts";
import { askHealth } from "../../lib/metrics.ts";
import { VERSION } from "../../lib/version.ts";
import {
  COMPILED,
  healthAddress,
  PART_NAMES,
  type PartName,
  ROOT,
} from "../parts.ts";
import { type Family, parseMetrics, sumOf } from "../samples.ts";
import { failure, type Finding, ok, type Patient, warning } from "./finding.ts";

/** Parts that tell their health; the store tells by answering as a database. */
const ASKED = ["capture", "correlate", "detect", "web"] as const;

/** Findings on the parts. */
export async function examineParts(patient: Patient): Promise<Finding[]> {
  const faults = await Promise.all(PART_NAMES.map(async (name) => {
    const fault = await patient.configFault(name);
    return fault === undefined ? [] : [failure(
      `configuration of ${name}`,
      fault,
      `correct it; ja4-${name} --help lists all keys`,
    )];
  }));
  return [
    ...faults.flat(),
    ...(await Promise.all(ASKED.map((name) => findPart(name, patient)))).flat(),
  ];
}

async function findPart(
  name: Exclude<PartName, "store">,
  { configs }: Patient,
): Promise<Finding[]> {
  const listen = healthAddress(name, configs[name].content);
  try {
    const metrics = parseMetrics((await askHealth(listen, "/metrics")).text);
    const answers = sumOf(metrics, "ja4_build_info", { component: name });
    if (answers === undefined) {
      return [failure(
        name,
        `another program answers on ${listen}`,
        `stop that one (ss -ltnp), or set another address in ${name}.toml`,
      )];
    }
    const { ok: ready, text } = await askHealth(listen, "/readyz");
    return [
      ready ? ok(name, `ready on ${listen}`) : failure(
        name,
        text.trim().replaceAll("\n", "; "),
        `see journalctl -u ja4-${name}`,
      ),
      ...findVersion(name, metrics),
      ...findLosses(metrics),
      ...name === "detect" ? findModel(metrics) : [],
    ];
  } catch (thrown) {
    return [
      await isTaken(listen)
        ? failure(
          name,
          `another program holds ${listen} (${messageOf(thrown)})`,
          `stop that one (ss -ltnp), or set another address in ${name}.toml`,
        )
        : failure(
          name,
          `does not answer on ${listen}`,
          `start it: systemctl start ja4-${name}; see its log`,
        ),
    ];
  }
}

/** Whether something accepts connections there that does not speak HTTP. */
async function isTaken(listen: string): Promise<boolean> {
  if (listen.startsWith("unix:")) return false;
  const [, hostname = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(listen) ?? [];
  try {
    using _ = await Deno.connect({ hostname, port: Number(port) });
    return true;
  } catch {
    return false;
  }
}

function findVersion(name: string, metrics: readonly Family[]): Finding[] {
  if (
    sumOf(metrics, "ja4_build_info", { component: name, version: VERSION }) !==
      undefined
  ) return [];
  return [warning(
    `version of ${name}`,
    `it still runs another than ${VERSION}, which is installed`,
    `run systemctl restart ja4-${name}`,
  )];
}

/** Counters of loss since a part's start: what is said of them, and from which share on. */
const LOSSES: readonly {
  lost: string;
  of: string;
  /** Share of the whole from which on it is told. */
  share: number;
  what: string;
  remedy: string;
}[] = [
  {
    lost: "capture_kernel_drops_total",
    of: "capture_packets_total",
    share: 0.001,
    what: "packets dropped by the kernel",
    remedy: "raise [capture] ring_bytes or workers",
  },
  {
    lost: "capture_events_dropped_total",
    of: "capture_handshakes_total",
    share: 0,
    what: "handshakes dropped before the correlator",
    remedy: "see whether correlate was away; raise [socket] backlog_bytes",
  },
  {
    lost: "capture_interface_drops_total",
    of: "capture_packets_total",
    share: 0.001,
    what: "packets dropped by the interface or its driver",
    remedy: "see ethtool -S and -g of the interface: its own ring is too small",
  },
  {
    lost: "capture_wasm_traps_total",
    of: "capture_packets_total",
    share: 0,
    what: "times the parser had to be replaced",
    remedy: "a fault of the program: set [evidence] folder and report it",
  },
  {
    lost: "correlate_input_lost_total",
    of: "correlate_events_received_total",
    share: 0.001,
    what: "events lost on the way to the correlator",
    remedy: "raise net.unix.max_dgram_qlen and restart correlate",
  },
  {
    lost: "correlate_rows_dropped_total",
    of: "correlate_events_received_total",
    share: 0,
    what: "rows dropped because the spool was full",
    remedy: "raise [spool] max_bytes; see how long the database was away",
  },
  {
    lost: "correlate_sink_dead_rows_total",
    of: "correlate_sink_rows_total",
    share: 0,
    what: "rows that the database refused, set aside in the spool",
    remedy: "see journalctl -u ja4-correlate for its reason",
  },
];

function findLosses(metrics: readonly Family[]): Finding[] {
  return LOSSES.flatMap(({ lost, of, share, what, remedy }) => {
    const count = sumOf(metrics, lost) ?? 0;
    const whole = sumOf(metrics, of) ?? 0;
    if (count === 0 || count <= share * (whole + count)) return [];
    return [warning(what, `${count} since the start, beside ${whole}`, remedy)];
  });
}

/** Days after which the traffic that the model was made of says little of today's. */
const MODEL_DAYS = 7;

/** The detector works without a model of its own, and with an old one; both are worth knowing. */
function findModel(metrics: readonly Family[]): Finding[] {
  const what = "model of detect";
  if (sumOf(metrics, "detect_learning") === 1) {
    return [warning(
      what,
      "there is none of this site yet: the shipped reference stands in",
      "nothing to do but wait: it learns by itself once it has seen enough people (docs/detection.md)",
    )];
  }
  const days = (sumOf(metrics, "detect_model_age_seconds") ?? 0) / 86_400;
  return days <= MODEL_DAYS ? [] : [warning(
    what,
    `it was made of traffic that ended ${Math.floor(days)} days ago`,
    "see whether traffic arrives, and journalctl -u ja4-detect",
  )];
}

/** Bit of SIGUSR1 in a signal mask of /proc/PID/status. */
const SIGUSR1 = 1n << 9n;

/** How running processes are held: no inspector, no root; and httpd with the module. */
export async function examineProcesses(proc = "/proc"): Promise<Finding[]> {
  const found: Finding[] = [];
  let servers = 0;
  let loaded = 0;
  for await (const { name: pid } of Deno.readDir(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readOr(`${proc}/${pid}/cmdline`);
    const part = PART_NAMES.find((name) =>
      ["main.ts", "main.js", "_fresh/main.js"].some((file) =>
        command.includes(`${ROOT}${name}/${file}`)
      ) || command.split("\0")[0] === `${COMPILED}/ja4-${name}`
    );
    if (part !== undefined) {
      found.push(...await findHold(part, pid, `${proc}/${pid}`));
    }
    const comm = (await readOr(`${proc}/${pid}/comm`)).trim();
    if (comm === "httpd" || comm === "apache2") {
      servers++;
      const maps = await readOr(`${proc}/${pid}/maps`);
      if (maps.includes("/mod_reqin_log.so")) loaded++;
    }
  }
  if (servers > 0 && loaded === 0) {
    found.push(warning(
      "httpd",
      "it runs without mod_reqin_log",
      "load the module (docs/apache-module.md) and restart httpd",
    ));
  } else if (servers > 0) found.push(ok("httpd", "mod_reqin_log is loaded"));
  return found;
}

async function findHold(
  part: string,
  pid: string,
  folder: string,
): Promise<Finding[]> {
  const status = await readOr(`${folder}/status`);
  const mask = BigInt(`0x${/^SigBlk:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
  const what = `process ${pid} of ${part}`;
  return [
    ...(mask & SIGUSR1) !== 0n ? [] : [failure(
      what,
      "SIGUSR1 is not blocked: anyone who may signal it opens a debugger",
      "start it by its unit, or by ja4-run",
    )],
    ...part === "store" || !/^Uid:\t0\t/m.test(status) ? [] : [warning(
      what,
      "it runs as root",
      "start it by its unit",
    )],
  ];
}

/** A file's text; "" where the process has ended or is another's. */
async function readOr(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}

/** What systemd says of the units; nothing where it does not run. */
export async function examineUnits(): Promise<Finding[]> {
  if (!existsSync("/run/systemd/system")) return [];
  const { code, stdout } = await new Deno.Command("systemctl", {
    args: [
      "show",
      "--property=Id,LoadState,ActiveState,Result,NRestarts",
      ...[...PART_NAMES, "metrics"].map((name) => `ja4-${name}.service`),
    ],
    stderr: "null",
  }).output();
  if (code !== 0) return [];
  const exposures = await readExposures();
  const blocks = new TextDecoder().decode(stdout).trim().split("\n\n");
  return blocks.flatMap((block) => {
    const get = (key: string): string =>
      new RegExp(`^${key}=(.*)$`, "m").exec(block)?.[1] ?? "";
    if (get("LoadState") !== "loaded") return [];
    const what = `unit ${get("Id")}`;
    if (get("ActiveState") === "failed") {
      return [failure(
        what,
        `failed: ${get("Result")}`,
        `see journalctl -u ${get("Id")}, then systemctl restart it`,
      )];
    }
    const restarts = Number(get("NRestarts"));
    const exposure = exposures.get(get("Id"));
    // Capture has a capability; the others have none.
    const most = get("Id") === "ja4-capture.service" ? 1.3 : 1;
    if (exposure !== undefined && exposure > most) {
      return [warning(
        what,
        `its exposure is ${exposure} of 10, where the package's is at most ${most}`,
        `see which drop-in loosens it: systemctl cat ${get("Id")}`,
      )];
    }
    const shown = exposure === undefined ? "" : `, exposure ${exposure} of 10`;
    return restarts < 3 ? [ok(what, get("ActiveState") + shown)] : [warning(
      what,
      `restarted ${restarts} times`,
      `see journalctl -u ${get("Id")}`,
    )];
  });
}

/** Exposure of each unit that systemd has loaded, by its name; none where it cannot tell (before version 240). */
async function readExposures(): Promise<Map<string, number>> {
  const { stdout } = await new Deno.Command("systemd-analyze", {
    args: ["security", "--no-pager"],
    stderr: "null",
  }).output();
  return new Map(
    [
      ...new TextDecoder().decode(stdout).matchAll(
        /^(ja4-\w+\.service) +(\d+\.\d+) /gm,
      ),
    ].map(([, unit = "", exposure]) => [unit, Number(exposure)]),
  );
}
