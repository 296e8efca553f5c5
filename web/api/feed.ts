/**
 * A list as a file for servers and firewalls that fetch it: `deny.txt` has an address or network a line, as
 * nginx's geo, HAProxy's -f and ipset read them; `deny.json` has all that is known of each entry.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type ListEntry, type ListName, LISTS } from "../data/client_lists.ts";
import { apiEntry } from "./list_entries.ts";

/** Pattern of the route; a key in its address counts there alone. */
export const FEED_ROUTE = "/api/v1/lists/:id";

/** What a line may be: nothing that was written past the checks of forms makes a line of its own. */
const ADDRESS = /^[\da-f.:]+(?:\/\d+)?$/i;

export interface FeedName {
  readonly list: ListName;
  readonly format: "txt" | "json";
}

/** What a file's name asks for; undefined if it is none. */
export function feedOf(name: string): FeedName | undefined {
  const [, first, format] = /^(\w+)\.(txt|json)$/.exec(name) ?? [];
  const list = LISTS.find((one) => one === first);
  return list === undefined || format !== "txt" && format !== "json"
    ? undefined
    : { list, format };
}

/** The file, or 304 where the caller has it already. */
export function answerFeed(
  request: Request,
  { list, format }: FeedName,
  entries: readonly ListEntry[],
): Response {
  const own = entries.filter((one) => one.list === list);
  const text = format === "json"
    ? JSON.stringify({ list, data: own.map(apiEntry) })
    : own.filter(({ kind, value }) =>
      (kind === "ip" || kind === "network") && ADDRESS.test(value)
    ).map(({ value }) => `${value}\n`).toSorted().join("");
  const digest = createHash("sha256").update(text).digest("hex");
  const headers = {
    etag: `"${digest.slice(0, 20)}"`,
    "cache-control": "private, no-cache",
    "content-type": format === "json"
      ? "application/json"
      : "text/plain; charset=utf-8",
  };
  return request.headers.get("if-none-match") === headers.etag
    ? new Response(null, { status: 304, headers })
    : new Response(text, { headers });
}
