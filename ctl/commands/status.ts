/** `ja4ctl status`. @module */
import { EXIT, FatalError } from "../../lib/errors.ts";
import { type Command, print } from "../command.ts";
import { type PartReport, reportParts } from "../status.ts";
import { asTable, sizeOf } from "../table.ts";

/** Time between the two looks that rates are made of. */
const INTERVAL_MS = 1000;

export const status: Command = {
  name: "status",
  usage: "",
  summary: "what each part does now; exit code 1 if one is not ready",
  options: { json: { type: "boolean" } },
  optionHelp: [["--json", "one JSON object a part"]],
  async run({ configs, signal }, args, options) {
    if (args.length > 0) {
      throw new FatalError("usage", "status takes no arguments\nTry --help");
    }
    const reports = await reportParts(configs, INTERVAL_MS, signal);
    if (options["json"] === true) {
      for (const report of reports) print(JSON.stringify(report));
    } else {
      print(asTable([
        ["part", "state", "version", "up for", "memory", ""],
        ...reports.map(row),
      ]));
    }
    return reports.every(({ state }) => state === "ready")
      ? EXIT.ok
      : EXIT.failed;
  },
};

function row(report: PartReport): string[] {
  const { name, state, version, uptime_s, memory_bytes, figures, reason } =
    report;
  return [
    name,
    state,
    version,
    uptime_s === 0 ? "" : durationOf(uptime_s),
    memory_bytes === 0 ? "" : sizeOf(memory_bytes),
    reason === ""
      ? Object.entries(figures).map(([label, value]) =>
        `${label.replaceAll("_", " ")} ${shown(value)}`
      ).join(", ")
      : reason,
  ];
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** Seconds for people: the two largest units. */
export function durationOf(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const at = units.findIndex(([, length]) => seconds >= length);
  return units.slice(at === -1 ? units.length - 1 : at).slice(0, 2).map((
    [unit, length],
    index,
    both,
  ) => {
    const whole = index === 0
      ? seconds / length
      : seconds % (both[0]?.[1] ?? 1) / length;
    return `${Math.floor(whole)} ${unit}`;
  }).join(" ");
}
