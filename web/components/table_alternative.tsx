/** The numbers of a chart as a table, folded away below it. @module */
import type { ComponentChildren, VNode } from "preact";

/** A chart's data for those who do not see it, or want to copy it. */
export function TableAlternative(
  { caption, head, rows }: {
    caption: string;
    head: readonly string[];
    rows: readonly (readonly ComponentChildren[])[];
  },
): VNode {
  return (
    <details class="as-table">
      <summary>View as table</summary>
      <div class="table-scroll" tabIndex={0} role="region" aria-label={caption}>
        <table class="data">
          <caption class="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              {head.map((text, index) => (
                <th key={text} scope="col" class={index === 0 ? "" : "num"}>
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {row.map((cell, column) => (
                  <td key={column} class={column === 0 ? "" : "num"}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
