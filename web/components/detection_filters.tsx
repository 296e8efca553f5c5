/** What narrows the list of detections: chips, the query, and groups to choose from. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import {
  type DetectionGroup,
  type DetectionGroups,
  GROUPS,
} from "../data/detection_groups.ts";
import type { FilterName, ListQuery } from "../data/detection_list.ts";
import { withParams } from "../data/range.ts";
import { termOf } from "../data/value_actions.ts";
import { conjuncts, equals, group, type Query } from "../query/ast.ts";
import { formatQuery } from "../query/format.ts";
import { DataTable, figure } from "./data_table.tsx";
import { NOTHING_DONE } from "./done_notice.tsx";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Card } from "./panel.tsx";
import { SeverityBadge } from "./severity.tsx";
import { Ago, Hostile } from "./text.tsx";
import { Ja4Text } from "./values.tsx";

const FILTER_WORDS: Readonly<Record<FilterName, string>> = {
  host: "host",
  ip: "address",
  ja4: "JA4",
  severity: "severity",
  campaign: "campaign",
  verdict: "verdict",
};

interface Chip {
  readonly name: string;
  readonly value: string;
  /** The list without it. */
  readonly href: string;
}

function chipsOf(query: ListQuery, url: URL): Chip[] {
  const gone = { after: "", ...NOTHING_DONE };
  const chips: Chip[] = [...query.filters].map(([name, value]) => ({
    name: FILTER_WORDS[name],
    value: printable(value),
    href: withParams(url, { [name]: "", ...gone }),
  }));
  const terms = formatQuery(query.asked) === "" ? [] : conjuncts(query.asked);
  for (const term of terms) {
    const rest: Query = group("and", terms.filter((one) => one !== term));
    chips.push({
      name: "",
      value: printable(formatQuery(term)),
      href: withParams(url, { q: formatQuery(rest), ...gone }),
    });
  }
  if (query.range !== undefined) {
    chips.push({
      name: "seen",
      value: query.range.label,
      href: withParams(url, { from: "", to: "", ...gone }),
    });
  }
  return chips;
}

/** Chips of what is on, each with a link that takes it away; the query as text; groups. */
export function Filters({ query }: { query: ListQuery }): VNode {
  const { url } = usePage();
  const chips = chipsOf(query, url);
  const kept = [...url.searchParams].filter(([name]) =>
    !["q", "after", "sel", ...Object.keys(NOTHING_DONE)].includes(name)
  );
  const chosen = url.searchParams.get("group") ?? "";
  return (
    <div class="filters">
      {chips.length === 0 ? null : (
        <ul class="chips" aria-label="Filters">
          {chips.map(({ name, value, href }) => (
            <li key={name + value} class="chip">
              {name} <b>{value}</b>
              <a href={href} aria-label={`Remove the filter ${name} ${value}`}>
                <Icon name="x" />
              </a>
            </li>
          ))}
        </ul>
      )}
      <form method="get" action={url.pathname} class="filter-form">
        {kept.map(([name, value]) => (
          <input key={name + value} type="hidden" name={name} value={value} />
        ))}
        <label>
          <span class="visually-hidden">Query</span>
          <input
            class="input"
            name="q"
            id="filter"
            value={formatQuery(query.asked)}
            placeholder="Filter: score>=0.9 -country:DE campaign:C-1"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <button class="btn" type="submit">Filter</button>
      </form>
      <nav class="group-by" aria-label="Group by">
        <span>group by</span>
        {["", ...GROUPS].map((one) => (
          <a
            key={one}
            href={withParams(url, { group: one, ...NOTHING_DONE })}
            {...(one === chosen ? { "aria-current": "true" as const } : {})}
          >
            {one === "" ? "none" : one}
          </a>
        ))}
      </nav>
    </div>
  );
}

/** The list by one of its values: each line leads to its part of the list. */
export function Groups({ groups }: { groups: DetectionGroups }): VNode {
  const { url } = usePage();
  const { by, rows } = groups;
  const asked = url.searchParams.get("q") ?? "";
  return (
    <Card title={`By ${by}`} class="flush groups">
      <DataTable<DetectionGroup>
        label={`Detections by ${by}`}
        rows={rows}
        columns={[
          {
            head: by,
            class: "clip wide",
            cell: (row) =>
              row.value === "" || row.value === "0"
                ? <span class="muted">none</span>
                : (
                  <a
                    href={withParams(url, {
                      q: [
                        asked,
                        by === "campaign"
                          ? formatQuery(equals("campaign", row.value))
                          : termOf(by, row.value),
                      ].filter((part) => part !== "").join(" "),
                      group: "",
                      after: "",
                      sel: "",
                    })}
                  >
                    {by === "ja4"
                      ? <Ja4Text ja4={row.value} />
                      : <Hostile text={row.value} max={80} />}
                  </a>
                ),
          },
          {
            head: "Worst",
            cell: (row) => <SeverityBadge severity={row.severity} />,
          },
          figure<DetectionGroup>("Detections", (row) => row.detections),
          figure<DetectionGroup>("Addr.", (row) => row.addresses),
          figure<DetectionGroup>("Requests", (row) => row.requests),
          {
            head: "Seen",
            num: true,
            class: "muted",
            cell: (row) => <Ago ms={row.lastSeenMs} />,
          },
        ]}
      />
    </Card>
  );
}
