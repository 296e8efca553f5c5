/** The command line of the demonstration, checked. @module */
import { resolve } from "node:path";
import { ROOT } from "../../ctl/parts.ts";
import { FatalError } from "../../lib/errors.ts";
import type { Invocation } from "../../lib/program.ts";
import type { Ports } from "./settings.ts";

/** What was asked for. */
export interface DemoOptions {
  readonly ports: Ports;
  readonly folder: string;
  readonly replay: boolean;
  readonly keep: boolean;
  /** Seconds after which it stops by itself; undefined: never. */
  readonly forS: number | undefined;
}

/** For `parseArgs` of node:util. */
export const OPTIONS = {
  port: { type: "string" },
  "https-port": { type: "string" },
  "store-port": { type: "string" },
  folder: { type: "string" },
  for: { type: "string" },
  "no-replay": { type: "boolean" },
  keep: { type: "boolean" },
} as const;

/** For `--help`. */
export const OPTIONS_HELP = `
      --port N          dashboard, on 127.0.0.1 (default: 8000)
      --https-port N    the demonstration's web server, on 127.0.0.1 (default: 8443)
      --store-port N    database (default: one that is free)
      --folder PATH     where everything lives meanwhile (default: .run/demo)
      --for SECONDS     stop by itself after so long
      --no-replay       real clients alone, without generated traffic
      --keep            keep the folder at the end: logs, database, configuration`;

/**
 * Checks the options and finds a port for each part.
 *
 * @throws {FatalError} `usage` for a bad value, `unavailable` for a port that is taken.
 */
export function parseOptions(
  options: Invocation<unknown>["options"],
): DemoOptions {
  const port = (name: keyof typeof OPTIONS): number | undefined =>
    wholeNumber(name, options[name], 65_535);
  const asked = {
    web: port("port") ?? 8000,
    https: port("https-port") ?? 8443,
    store: port("store-port") ?? 0,
  };
  const forS = wholeNumber("for", options["for"], 1_000_000);
  if (asked.web === asked.https) {
    throw new FatalError("usage", "--port and --https-port are the same");
  }
  const ports = {
    web: reserve(asked.web, "the dashboard", "--port"),
    https: reserve(
      asked.https,
      "the demonstration's web server",
      "--https-port",
    ),
    http: reserve(0, "the demonstration's web server", ""),
    store: reserve(asked.store, "the database", "--store-port"),
    correlate: reserve(0, "the correlator", ""),
    detect: reserve(0, "the detector", ""),
    capture: reserve(0, "the capture", ""),
  };
  return {
    ports,
    folder: resolve(ROOT, String(options["folder"] ?? ".run/demo")),
    replay: options["no-replay"] !== true,
    keep: options["keep"] === true,
    forS,
  };
}

function wholeNumber(
  name: string,
  value: unknown,
  max: number,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(String(value)) || number < 1 || number > max) {
    throw new FatalError(
      "usage",
      `Cannot use --${name} "${value}": expected a whole number from 1 to ${max}`,
    );
  }
  return number;
}

/** Makes sure that a port is free, or with 0 finds one that is. */
function reserve(port: number, who: string, option: string): number {
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port });
    return listener.addr.port;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.AddrInUse) {
      throw new FatalError(
        "unavailable",
        `Cannot use port ${port} for ${who}: another program listens there; choose another with ${option}`,
        { cause: thrown },
      );
    }
    if (thrown instanceof Deno.errors.PermissionDenied) {
      throw new FatalError(
        "noPermission",
        `Cannot use port ${port} for ${who}: ports below 1024 need root; choose another with ${option}`,
        { cause: thrown },
      );
    }
    throw thrown;
  }
}
