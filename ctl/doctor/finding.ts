/** What the doctor says of one thing that it looked at. @module */
import type { Database } from "../../lib/clickhouse.ts";
import type { PartConfig, PartName } from "../parts.ts";

/** One thing looked at. A warning costs something; a failure stops something. */
export interface Finding {
  readonly level: "ok" | "warning" | "failure";
  readonly what: string;
  /** What was found. */
  readonly detail: string;
  /** What to do about a warning or failure. */
  readonly remedy?: string;
}

/** The host that is looked at. */
export interface Patient {
  readonly configs: Readonly<Record<PartName, PartConfig>>;
  /** @throws {FatalError} if the password cannot be read. */
  readonly openDatabase: () => Promise<Database>;
  /** Opens the database as a section of a part's file says. */
  readonly openAs: (
    part: PartName,
    section: "clickhouse" | "app",
  ) => Promise<Database>;
  /** Name of the database. */
  readonly schema: string;
  /** What a part says of its own configuration; undefined if that is in order. */
  readonly configFault: (part: PartName) => Promise<string | undefined>;
  /** User that a part runs as; undefined where no unit says so. */
  readonly userOf: (part: PartName) => Promise<string | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** All is well. */
export function ok(what: string, detail: string): Finding {
  return { level: "ok", what, detail };
}

/** Something is lost or missing that the rest can do without. */
export function warning(what: string, detail: string, remedy: string): Finding {
  return { level: "warning", what, detail, remedy };
}

/** Something does not work. */
export function failure(what: string, detail: string, remedy: string): Finding {
  return { level: "failure", what, detail, remedy };
}

/** `detail; remedy`, as the terminal shows it. */
export function explained({ detail, remedy }: Finding): string {
  return remedy === undefined ? detail : `${detail}; ${remedy}`;
}
