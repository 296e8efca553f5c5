/**
 * The parts of ja4-platform as processes to supervise: command, permissions, readiness.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  configGrants,
  permissionFlags,
  permissionSets,
} from "./permissions.ts";
import type { Part, Readiness } from "./supervise.ts";

/** The parts that are Deno programs, in the order of their start. */
export const PART_NAMES = [
  "store",
  "correlate",
  "detect",
  "capture",
  "web",
] as const;
export type PartName = typeof PART_NAMES[number];

/** Where the packages of compiled programs have them. */
export const COMPILED = "/usr/libexec/ja4-platform/bin";

/** Folder of the project. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** A part's file and what it holds. */
export interface PartConfig {
  /** Undefined: the part's defaults. */
  readonly file: string | undefined;
  /** The sections that hold, by name. */
  readonly content: Readonly<Record<string, unknown>>;
  /** Overrides, `JA4_SECTION__KEY`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Address at which each part tells its health, where its file does not say another. */
const HEALTH: Readonly<
  Record<Exclude<PartName, "store">, { section: string; listen: string }>
> = {
  correlate: { section: "health", listen: "127.0.0.1:9464" },
  detect: { section: "health", listen: "127.0.0.1:8080" },
  capture: { section: "health", listen: "127.0.0.1:9463" },
  web: { section: "web", listen: "127.0.0.1:8000" },
};

/** The address that a part's health endpoints have. */
export function healthAddress(
  name: Exclude<PartName, "store">,
  content: PartConfig["content"],
): string {
  const { section, listen } = HEALTH[name];
  const table = content[section] as { listen?: unknown } | undefined;
  return typeof table?.listen === "string" ? table.listen : listen;
}

/** Makes the process of a part, with the flags that deno.json and its configuration give. */
export async function denoPart(
  name: PartName,
  config: PartConfig,
): Promise<Part> {
  const sets = permissionSets(await Deno.readTextFile(`${ROOT}deno.json`), [
    name,
  ]);
  const grants = configGrants(config.content);
  const listen = name === "store"
    ? undefined
    : healthAddress(name, config.content);
  const named = config.file === undefined ? [] : [config.file];
  const ready: Readiness = listen === undefined
    ? { kind: "line" }
    : { kind: "http", listen };
  return {
    name,
    command: Deno.execPath(),
    args: [
      "run",
      ...permissionFlags(sets.get(name) ?? {}, {
        ...grants,
        net: [...grants["net"] ?? [], ...listen === undefined ? [] : [listen]],
        read: [...grants["read"] ?? [], ...named],
      }, ROOT),
      `${ROOT}${name}/main.ts`,
      ...named.flatMap((file) => ["--config", file]),
    ],
    env: config.env ?? {},
    ready,
  };
}
