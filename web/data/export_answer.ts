import { type Context, HttpError } from "fresh";
import type { Sql } from "../../lib/sql.ts";
import { audit } from "../auth/audit.ts";
import { counted, type Place } from "../stream.ts";
import type { State } from "../utils.ts";
import type { ExploreColumn } from "./columns.ts";
import {
  CONTENT_TYPES,
  type ExportFormat,
  exportMaxOf,
  exportStream,
} from "./export.ts";
import type { TimeRange } from "./range.ts";

/** A place for one more export. @throws {HttpError} 429 while too many are written. */
export function takeExportPlace({ services, user }: State): Place {
  const place = services.exports.take(user.login);
  if (place === undefined) {
    throw new HttpError(429, "Too many exports are running. Try again soon.");
  }
  return place;
}

/**
 * The answer that is a file of what matches; who took it is written down.
 *
 * @throws {HttpError} 429 while too many are written.
 */
export async function answerExport(
  ctx: Context<State>,
  what: {
    readonly text: string;
    readonly range: TimeRange;
    readonly where: Sql;
    readonly columns: readonly ExploreColumn[];
    readonly format: ExportFormat;
  },
): Promise<Response> {
  const { text, range, where, columns, format } = what;
  using place = takeExportPlace(ctx.state);
  const max = exportMaxOf(ctx.state);
  const stream = await exportStream(ctx.state.db, {
    where,
    columns,
    format,
    max,
    queryId: `export-${ctx.state.request_id}`,
  });
  await audit(ctx, {
    action: "export",
    object_kind: "requests",
    object: text.slice(0, 500),
    detail: {
      format,
      from: range.from,
      to: range.to,
      columns: columns.map((column) => column.id),
      max,
    },
    ok: true,
  });
  const time = new Date(ctx.state.now() / 1000).toISOString().slice(0, 19)
    .replaceAll(/[-:]/g, "");
  return new Response(counted(stream, place.keep()), {
    headers: {
      "content-type": CONTENT_TYPES[format],
      "content-disposition":
        `attachment; filename="requests-${time}.${format}"`,
      "cache-control": "no-store, no-transform",
    },
  });
}
