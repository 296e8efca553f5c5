/** Requests arranged in lanes, one for each of the commonest method and path, the rest together. @module */
import type { RequestRow } from "./requests.ts";

/** Requests of one method and path. */
export interface Lane {
  /** `POST /session`; `other` for the rest. */
  readonly label: string;
  readonly marks: readonly Mark[];
}

/** One request. */
export interface Mark {
  readonly tsMs: number;
  /** 2 for 2xx; 0 for a handshake without a request. */
  readonly statusClass: number;
}

/** Parameters of a URL that say which stretch of the requests its table shows: two instants. */
export const SELECTION = ["req_from", "req_to"] as const;

/** Lanes with a name of their own. */
const LANES = 5;

/** {@linkcode Lane}s of `rows`, the fullest first. */
export function lanesOf(rows: readonly RequestRow[]): Lane[] {
  const groups = Map.groupBy(
    rows,
    (row) =>
      row.match === "tls_only"
        ? "handshake only"
        : `${row.http_method} ${row.url_path}`,
  );
  const ordered = [...groups].sort(([, a], [, b]) => b.length - a.length);
  const named = ordered.slice(0, ordered.length > LANES + 1 ? LANES : LANES + 1)
    .map(([label, members]): Lane => ({ label, marks: members.map(markOf) }));
  const rest = ordered.slice(named.length).flatMap(([, members]) => members);
  return rest.length === 0
    ? named
    : [...named, { label: "other", marks: rest.map(markOf) }];
}

function markOf(row: RequestRow): Mark {
  return {
    tsMs: row.tsMs,
    statusClass: row.match === "tls_only"
      ? 0
      : Math.floor(row.status_code / 100),
  };
}
