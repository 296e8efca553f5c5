/**
 * Structured logs on stderr: JSON lines for machines, one readable line on a terminal. A message
 * is a constant string; what varies goes into fields, and text from the network is made visible
 * before it is written.
 *
 * @module
 */
import {
  configure,
  getAnsiColorFormatter,
  getLogger,
  type Logger,
  type LogLevel,
  type LogRecord,
} from "@logtape/logtape";
import { printable } from "./text.ts";

export type { Logger };

/** Levels, from the one that says most. */
export const LEVELS = ["debug", "info", "warning", "error"] as const;

/** Lowest level that is written. */
export type Level = typeof LEVELS[number];

/** sd-daemon(3) priorities, which journald reads as a `<N>` prefix. */
const PRIORITY: Readonly<Record<LogLevel, number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warning: 4,
  error: 3,
  fatal: 2,
};

function visible(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (value instanceof Error) {
    return printable(`${value.name}: ${value.message}`);
  }
  if (Array.isArray(value)) return value.map(visible);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map((
        [key, inner],
      ) => [printable(key), visible(inner)]),
    );
  }
  return typeof value === "bigint" ? String(value) : value;
}

function jsonLine(record: LogRecord): string {
  return JSON.stringify({
    ts: new Date(record.timestamp).toISOString(),
    level: record.level,
    component: record.category.join("."),
    message: record.message.join(""),
    ...visible(record.properties) as Record<string, unknown>,
  });
}

/** Whether systemd set up the stream; unknown counts as no where the variable may not be read. */
function underJournald(): boolean {
  const { state } = Deno.permissions.querySync({
    name: "env",
    variable: "JOURNAL_STREAM",
  });
  return state === "granted" && Deno.env.has("JOURNAL_STREAM");
}

/** The logger that {@linkcode startLog} has configured for `component`; before that it is silent. */
export function logOf(component: string): Logger {
  return getLogger([component]);
}

/** Configures logging for this process and returns its logger. Call once, at start. */
export async function startLog(
  component: string,
  level: Level = "info",
): Promise<Logger> {
  const encoder = new TextEncoder();
  const colour = getAnsiColorFormatter({ timestamp: "time" });
  const terminal = Deno.stderr.isTerminal();
  const journal = underJournald();
  await configure({
    reset: true,
    sinks: {
      stderr: (record) => {
        let line: string;
        if (terminal) {
          const fields = Object.entries(
            visible(record.properties) as Record<string, unknown>,
          ).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`).join("");
          line = colour(record).trimEnd() + fields;
        } else if (journal) {
          line = `<${PRIORITY[record.level]}>${jsonLine(record)}`;
        } else line = jsonLine(record);
        Deno.stderr.writeSync(encoder.encode(line + "\n"));
      },
    },
    loggers: [
      { category: [component], lowestLevel: level, sinks: ["stderr"] },
      {
        category: ["logtape", "meta"],
        lowestLevel: "error",
        sinks: ["stderr"],
      },
    ],
  });
  return logOf(component);
}
