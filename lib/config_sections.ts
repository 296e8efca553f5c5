/**
 * Sections and keys that the files of several programs have, so that each reads the same in all of
 * them. That of the database is in clickhouse_config.ts.
 *
 * @module
 */
import * as v from "valibot";
import { about, healthAddress } from "./config.ts";
import { LEVELS } from "./log.ts";

/** A key that is true or false. */
export function flag(
  byDefault: boolean,
): v.OptionalSchema<v.BooleanSchema<string>, boolean> {
  return v.optional(v.boolean("expected true or false"), byDefault);
}

/** The `[log]` section. */
// deno-lint-ignore explicit-module-boundary-types -- the inferred schema type is what callers need
export function logSection() {
  return v.optional(
    v.strictObject({
      level: about(
        "The lowest level that is written",
        v.optional(
          v.picklist(
            LEVELS,
            'expected "debug", "info", "warning" or "error"',
          ),
          "info",
        ),
      ),
    }),
    {},
  );
}

/** The `[health]` section of a part that listens at `address` where its file does not say another. */
// deno-lint-ignore explicit-module-boundary-types -- the inferred schema type is what callers need
export function healthSection(address: string) {
  return v.optional(
    v.strictObject({
      listen: about(
        "Where health and metrics are asked for",
        v.optional(healthAddress(), address),
      ),
    }),
    {},
  );
}
