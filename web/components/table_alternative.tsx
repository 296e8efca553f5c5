/** The numbers of a chart as a table, folded away below it. @module */
import type { ComponentChildren, VNode } from "preact";
import { type Column, DataTable } from "./data_table.tsx";

type Line = readonly ComponentChildren[];

/** A chart's data for those who do not see it, or want to copy it. */
export function TableAlternative(
  { caption, head, rows }: {
    caption: string;
    head: readonly string[];
    rows: readonly Line[];
  },
): VNode {
  return (
    <details class="as-table">
      <summary>View as table</summary>
      <DataTable<Line>
        label={caption}
        rows={rows}
        columns={head.map((text, at): Column<Line> => ({
          head: text,
          cell: (row) => row[at],
          ...(at === 0 ? {} : { num: true }),
        }))}
      />
    </details>
  );
}
