/** Files that the dashboard gives out, read as those do who get them. @module */
import assert from "node:assert/strict";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import type { Store } from "./store.ts";

/** Cells of a line of CSV whose texts are all quoted. */
export function cellsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell = ""]) =>
    cell.replaceAll('""', '"')
  );
}

/** What a text becomes in a file for spreadsheets. */
export function asCell(text: string): string {
  return `${/^[=+\-@\t\r\n]/.test(text) ? "'" : ""}${text}`.replaceAll(
    // deno-lint-ignore no-control-regex -- what must not be there
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    "\ufffd",
  );
}

/**
 * Rows of a Parquet file of texts, each as JSON in the order of `names`, as another reader of the format sees
 * them: the store's, by way of a table.
 */
export async function readParquet(
  { db, store }: { readonly db: Database; readonly store: Store },
  file: Uint8Array<ArrayBuffer>,
  names: readonly string[],
): Promise<string[]> {
  const columns = names.map((id) => `\`${id}\` String`);
  await db.command(
    sql`CREATE TABLE parquet_copy (at UInt32 DEFAULT rowNumberInAllBlocks(), ${
      sql.trusted(columns.join(", "))
    }) ENGINE = Memory`,
  );
  const url = new URL(store.url);
  url.search = new URLSearchParams({
    database: "ja4",
    query: `INSERT INTO parquet_copy (${
      names.map((id) => `\`${id}\``)
    }) FORMAT Parquet`,
  }).toString();
  const answer = await fetch(url, {
    method: "POST",
    body: file,
    headers: {
      "x-clickhouse-user": "ja4",
      "x-clickhouse-key": store.passwords.ja4,
    },
  });
  assert.equal(answer.status, 200, await answer.text());
  const rows = await db.query<Record<string, string>>(
    sql`SELECT * EXCEPT at FROM parquet_copy ORDER BY at`,
  );
  await db.command(sql`DROP TABLE parquet_copy`);
  return rows.map((row) => JSON.stringify(row));
}

/** Events of a stream of server-sent events, as it says them, until `enough` of them are there. */
export async function eventsOf(
  stream: ReadableStream<Uint8Array>,
  enough: (events: readonly string[]) => boolean,
): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const events = text.split("\n\n").slice(0, -1);
    if (enough(events)) return events;
  }
  throw new Error("the stream has ended");
}
