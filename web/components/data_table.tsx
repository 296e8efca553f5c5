/** Tables: columns as data, rows in, one look. @module */
import type { ComponentChildren, VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import { compact, count } from "./format.ts";
import { Panel, type PanelProps } from "./panel.tsx";

/** One column: what it is called, and how a row fills its cell. */
export interface Column<Row> {
  readonly head: ComponentChildren;
  readonly cell: (row: Row, index: number) => ComponentChildren;
  /** Holds figures: heading and cells end at the same edge. */
  readonly num?: true;
  /** Its cells say what their row is about. */
  readonly names?: true;
  /** Classes of a cell. */
  readonly class?: string | ((row: Row) => string);
  /** What a cell says in full under the pointer. */
  readonly title?: (row: Row) => string;
}

/** What {@linkcode DataTable} shows. */
export interface DataTableProps<Row> {
  /** Says to those who do not see it what the table holds. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Classes of the table. */
  readonly class?: string;
  /** Scrolls within a height. */
  readonly tall?: boolean;
}

/** A column of figures, short in the cell and whole under the pointer. */
export function figure<Row>(
  head: string,
  of: (row: Row) => number,
): Column<Row> {
  return {
    head,
    num: true,
    cell: (row) => compact(of(row)),
    title: (row) => count(of(row)),
  };
}

/** A table that scrolls by itself where it is wider than its place. */
export function DataTable<Row>(
  { label, columns, rows, class: className = "", tall = false }: DataTableProps<
    Row
  >,
): VNode {
  return (
    <div
      class={tall ? "table-scroll tall" : "table-scroll"}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <table class={`data ${className}`.trim()}>
        <thead>
          <tr>
            {columns.map((column, at) => (
              <th key={at} scope="col" {...classes(column.num ? "num" : "")}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map((column, at) => (
                <Cell key={at} column={column} row={row} index={index} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell<Row>(
  { column, row, index }: { column: Column<Row>; row: Row; index: number },
): VNode {
  const { num, names, title, class: own = "" } = column;
  const attributes = {
    ...classes(
      `${num ? "num " : ""}${typeof own === "string" ? own : own(row)}`,
    ),
    ...(title === undefined ? {} : { title: title(row) }),
  };
  const content = column.cell(row, index);
  return names
    ? <th scope="row" {...attributes}>{content}</th>
    : <td {...attributes}>{content}</td>;
}

function classes(text: string): { class?: string } {
  return text === "" ? {} : { class: text.trim() };
}

/** A card that is one table; `empty` stands in it where there is no row. */
export function TablePanel<Row>(
  { loaded, columns, empty, label, class: span, ...panel }:
    & Omit<PanelProps<readonly Row[]>, "children" | "loaded">
    & {
      loaded: Loaded<readonly Row[]>;
      columns: readonly Column<Row>[];
      empty: VNode;
      /** Of the table, where the title does not say it. */
      label?: string;
      tall?: boolean;
    },
): VNode {
  return (
    <Panel {...panel} loaded={loaded} class={`${span ?? ""} flush`}>
      {(rows) =>
        rows.length === 0 ? empty : (
          <DataTable
            label={label ?? panel.title}
            columns={columns}
            rows={rows}
            tall={panel.tall === true}
          />
        )}
    </Panel>
  );
}
