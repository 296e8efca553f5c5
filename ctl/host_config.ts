/**
 * The configuration of the parts on this host: the files of one folder over the parts' defaults.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { parse } from "smol-toml";
import { PART_NAMES, type PartConfig, type PartName } from "./parts.ts";

/** What a part uses where its file does not say otherwise, as far as it has to be there or allowed. */
const DEFAULTS: Readonly<Record<PartName, PartConfig["content"]>> = {
  store: {
    store: { listen: "127.0.0.1:8123", dir: "/var/lib/ja4-platform/store" },
  },
  correlate: {
    network: { path: "/run/ja4/network.socket" },
    http: { path: "/run/ja4/http.socket" },
    spool: { dir: "/var/lib/ja4-platform/spool" },
    clickhouse: { url: "http://127.0.0.1:8123" },
  },
  detect: { clickhouse: { url: "http://127.0.0.1:8123" } },
  capture: {
    capture: { interface: "any" },
    socket: { path: "/run/ja4/network.socket" },
  },
  web: { clickhouse: { url: "http://127.0.0.1:8123" } },
};

/** Reads the parts' files; their faults are each part's own to report. */
export async function readConfigs(
  folder: string,
): Promise<Record<PartName, PartConfig>> {
  const configs: Partial<Record<PartName, PartConfig>> = {};
  for (const name of PART_NAMES) {
    const file = `${folder}/${name}.toml`;
    configs[name] = {
      file: existsSync(file) ? file : undefined,
      content: merged(DEFAULTS[name], await readToml(file)),
    };
  }
  return configs as Record<PartName, PartConfig>;
}

async function readToml(file: string): Promise<PartConfig["content"]> {
  try {
    return parse(await Deno.readTextFile(file)) as PartConfig["content"];
  } catch {
    return {};
  }
}

/** Sections of `defaults` with the keys of `own` over them. */
function merged(
  defaults: PartConfig["content"],
  own: PartConfig["content"],
): PartConfig["content"] {
  const names = [...Object.keys(defaults), ...Object.keys(own)];
  return Object.fromEntries(names.map((name) => [
    name,
    { ...defaults[name] as object, ...own[name] as object },
  ]));
}

/** A text of the configuration, as the file or the default has it; "" if neither has. */
export function textOf(
  config: PartConfig,
  section: string,
  key: string,
): string {
  const table = config.content[section] as Record<string, unknown> | undefined;
  const value = table?.[key];
  return typeof value === "string" ? value : "";
}

/** A number of the configuration, else `fallback`. */
export function numberOf(
  config: PartConfig,
  section: string,
  key: string,
  fallback: number,
): number {
  const table = config.content[section] as Record<string, unknown> | undefined;
  const value = table?.[key];
  return typeof value === "number" ? value : fallback;
}

/** Where a part's database is. */
export function databaseUrl(config: PartConfig): string {
  return textOf(config, "clickhouse", "url") || "http://127.0.0.1:8123";
}

/** Where the embedded store keeps the password of a user. */
export function passwordFile(store: PartConfig, username: string): string {
  return `${textOf(store, "store", "dir")}/secrets/${username}.password`;
}
