/** One value of a request in a table of the Explorer. @module */
import type { VNode } from "preact";
import { withAdded } from "../data/add_condition.ts";
import type { ExploreColumn } from "../data/columns.ts";
import { VALUE_FIELDS } from "../data/value_actions.ts";
import { bytes, clockMs, count, day, dayClock, zoneLabel } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Hostile } from "./text.tsx";
import { Ja4Text, Value } from "./values.tsx";

/** One value: its menu where it has one, else a link that filters by it. */
export function ExplorerCell(
  { column, value }: { column: ExploreColumn; value: string | number },
): VNode {
  const { url, zone, nowMs } = usePage();
  const { field, kind, id } = column;
  if (kind === "time") {
    const ms = Number(value) / 1000;
    return (
      <time
        dateTime={new Date(ms).toISOString()}
        title={`${dayClock(ms, zone)} ${zoneLabel(zone)}`}
      >
        {day(ms, zone) === day(nowMs, zone)
          ? null
          : <span class="muted">{`${day(ms, zone).slice(5)} `}</span>}
        {clockMs(ms, zone)}
      </time>
    );
  }
  const text = String(value);
  if (text === "" || id === "asn" && text === "0") {
    return field === undefined || field === "asn"
      ? <span class="muted">–</span>
      : (
        <a
          class="muted"
          href={withAdded(url, field, "")}
          title="Only empty ones"
        >
          –
        </a>
      );
  }
  if (id === "bytes") return <>{bytes(Number(value))}</>;
  if (kind === "number" && field === undefined) {
    return <>{count(Number(value))}</>;
  }
  if (VALUE_FIELDS.some((one) => one === field)) {
    return (
      <Value
        field={field ?? ""}
        value={text}
        max={kind === "text" ? 90 : 200}
        {...(kind === "ip"
          ? { class: "mono" }
          : id === "status"
          ? { class: `status-text-${text[0]}xx` }
          : {})}
      >
        {kind === "ja4"
          ? <Ja4Text ja4={text} />
          : id === "asn"
          ? `AS${text}`
          : undefined}
      </Value>
    );
  }
  if (field === undefined) {
    return (
      <Hostile
        text={text}
        max={90}
        {...(kind === "ip" ? { class: "mono" } : {})}
      />
    );
  }
  return (
    <a class="value" href={withAdded(url, field, text)} title="Only these">
      <Hostile text={text} max={60} />
    </a>
  );
}
