/** docs/database.md, from a live database with the schema applied. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { cell, generatedFrom } from "./markdown.ts";

interface Table {
  readonly name: string;
  readonly engine: string;
  readonly comment: string;
  readonly sorting_key: string;
}

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

/** The page, and what has no comment. */
export async function databaseReference(
  database: Database,
): Promise<{ page: string; uncommented: string[] }> {
  const tables = await database.query<Table>(sql`
    SELECT name, engine, comment, sorting_key FROM system.tables
    WHERE database = currentDatabase() AND NOT startsWith(name, '.') ORDER BY name`);
  const columns = await database.query<Column>(sql`
    SELECT table, name, type, comment FROM system.columns
    WHERE database = currentDatabase() ORDER BY table, position`);
  const byTable = Map.groupBy(columns, ({ table }) => table);
  const isView = ({ engine }: Table): boolean => /View$/.test(engine);
  // A dictionary has the rows and columns of the table that it reads.
  const stored = tables.filter((table) =>
    !isView(table) && table.engine !== "Dictionary"
  );
  const dictionaries = tables.filter(({ engine }) => engine === "Dictionary");
  const views = tables.filter((table) =>
    isView(table) && table.engine !== "MaterializedView"
  );
  const section = (table: Table): string => `
### ${table.name}

${table.comment}${table.comment === "" ? "" : ". "}\`${table.engine}\`${
    table.sorting_key === "" ? "" : `, ordered by \`${table.sorting_key}\``
  }.

| column | type | what |
|---|---|---|
${
    (byTable.get(table.name) ?? []).map(({ name, type, comment }) =>
      `| \`${name}\` | \`${cell(type)}\` | ${cell(comment)} |`
    ).join("\n")
  }
`;
  return {
    page: `# Database

${
      generatedFrom(
        "a live database with every migration applied, and the comments in it",
      )
    }

Everything durable is in the ClickHouse database \`ja4\`. The same comments are in the database: \`DESCRIBE TABLE
ja4.http_events\`. Which account may do what is in [store.md](store.md). Names and meanings of event fields are those of
[fields.md](fields.md).

| table | what |
|---|---|
${
      [...stored, ...views].map(({ name, comment }) =>
        `| [${name}](#${name}) | ${cell(comment)} |`
      ).join("\n")
    }

## Tables
${stored.map(section).join("")}
## Dictionaries

Reference data in memory, made of the tables \`ref_*\`: ${
      dictionaries.map(({ name }) => `\`${name}\``).join(", ")
    }.

## Views
${views.map(section).join("")}`,
    uncommented: [
      ...stored.filter(({ comment }) => comment === "").map(({ name }) => name),
      ...columns.filter(({ table, comment }) =>
        comment === "" && stored.some(({ name }) => name === table)
      ).map(({ table, name }) => `${table}.${name}`),
    ],
  };
}
