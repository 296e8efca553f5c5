/** The lists that the detector honours: the form of a new entry with its trial, and the entries there are. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import { nextPage } from "../auth/next_page.ts";
import type { Loaded } from "../data/ask.ts";
import {
  ENTRY_DAYS,
  ENTRY_TRIAL_DAYS,
  type EntryTrial,
  FIELD_OF,
  type ListEntry,
  type ListName,
  LISTS,
  REASON_MAX,
  type Subject,
} from "../data/client_lists.ts";
import { TablePanel } from "./data_table.tsx";
import { count, dayClock, percent, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Card, Empty, PanelError } from "./panel.tsx";
import { Moment } from "./text.tsx";
import { HoldsFor, TryAndDo } from "./trial_form.tsx";
import { Ja4Text, Value } from "./values.tsx";

/** What each list does from the detector's next cycle on. */
export const LIST_WORDS: Readonly<Record<ListName, string>> = {
  deny: "always flagged, severity high",
  watch: "always shown, severity low",
  allow: "never flagged",
};

const KIND_WORDS: Readonly<Record<Subject["kind"], string>> = {
  ip: "address",
  network: "network",
  ja4: "JA4",
  http_host: "host",
};

export function ClientListsPage(
  { value, back, entries, trial }: {
    /** Whom the new entry is to name; "" if nobody is chosen. */
    value: string;
    /** Page that led here. */
    back: string;
    entries: Loaded<ListEntry[]>;
    trial: Loaded<EntryTrial | undefined>;
  },
): VNode {
  const { mayTriage } = usePage();
  return (
    <>
      <div class="page-head">
        <h1>Lists</h1>
        <span class="page-note">
          clients that the detector treats in a way of their own
        </span>
      </div>
      <DoneNotice />
      {mayTriage
        ? (
          <Card title="New entry" class="new-rule">
            {!trial.ok
              ? <PanelError message={trial.message} />
              : trial.value === undefined
              ? value === "" ? null : (
                <p class="notice warn">
                  {`"${
                    printable(value.slice(0, 80))
                  }" is no address, network, JA4 or host.`}
                </p>
              )
              : <Trial trial={trial.value} />}
            <EntryForm value={value} back={back} />
          </Card>
        )
        : null}
      <Entries entries={entries} />
    </>
  );
}

function DoneNotice(): VNode | null {
  const { url } = usePage();
  const done = url.searchParams.get("done");
  const back = nextPage(url.searchParams.get("back"));
  if (done !== "added" && done !== "removed") return null;
  return (
    <p class="notice done" role="status">
      <Icon name="check" />
      <span>
        {done === "added"
          ? "The entry holds from the detector's next cycle on. "
          : "The entry is gone. "}
        {back === "/" ? null : <a href={back}>Back to where you were</a>}
      </span>
    </p>
  );
}

function Trial({ trial }: { trial: EntryTrial }): VNode {
  const { subject, addresses, requests, people, detections, confirmed } = trial;
  const warn = people > 0.5 || confirmed > 0;
  return (
    <p class={warn ? "notice warn" : "notice"}>
      {`In the last ${ENTRY_TRIAL_DAYS} days ${
        subject.kind === "ip" ? "it" : plural(addresses, "address", "addresses")
      } sent ${plural(requests, "request")}, ${
        percent(people)
      } of them taken for people's, and gave rise to ${
        plural(detections, "detection")
      }${
        confirmed === 0 ? "" : `, ${count(confirmed)} called a true positive`
      }.`}
    </p>
  );
}

/** The form of an entry; its trial is a button away, and needs no script. */
function EntryForm({ value, back }: { value: string; back: string }): VNode {
  return (
    <form class="rule-form" method="post" action="/lists">
      <input type="hidden" name="back" value={back} />
      <label class="rule-query">
        Address, network, JA4 or host
        <input
          class="input mono"
          name="value"
          value={value}
          placeholder="203.0.113.0/24"
          spellcheck={false}
          autocapitalize="none"
          required
        />
      </label>
      <label>
        Is
        <select class="input" name="list">
          {LISTS.map((list) => (
            <option key={list} value={list}>
              {`${list}: ${LIST_WORDS[list]}`}
            </option>
          ))}
        </select>
      </label>
      <label class="rule-query">
        Because
        <input class="input" name="reason" maxLength={REASON_MAX} required />
      </label>
      <HoldsFor days={ENTRY_DAYS} />
      <TryAndDo path="/lists" button="Add" />
    </form>
  );
}

function Entries({ entries }: { entries: Loaded<ListEntry[]> }): VNode {
  const { mayTriage } = usePage();
  return (
    <TablePanel<ListEntry>
      title="Entries there are"
      class="span-24"
      loaded={entries}
      empty={
        <Empty title="No entry yet">
          The menu of an address, a network, a JA4 or a host leads here, and so
          does the key <kbd>l</kbd>.
        </Empty>
      }
      columns={[
        {
          head: "List",
          cell: ({ list }) => (
            <span class={`badge list-${list}`} title={LIST_WORDS[list]}>
              {list}
            </span>
          ),
        },
        { head: "Names", cell: ({ kind }) => KIND_WORDS[kind] },
        {
          head: "Value",
          class: "nowrap",
          cell: ({ kind, value }) => (
            <Value field={FIELD_OF[kind]} value={value} class="mono">
              {kind === "ja4" ? <Ja4Text ja4={value} /> : undefined}
            </Value>
          ),
        },
        {
          head: "Because",
          class: "clip wide",
          title: ({ reason }) => printable(reason),
          cell: ({ reason }) => <bdi>{printable(reason)}</bdi>,
        },
        { head: "By", class: "nowrap", cell: ({ actor }) => printable(actor) },
        {
          head: "Since",
          class: "nowrap",
          cell: ({ madeMs }) => <Moment ms={madeMs} format={dayClock} />,
        },
        {
          head: "Until",
          class: "nowrap",
          cell: ({ expiresMs }) =>
            expiresMs === undefined
              ? "removed"
              : <Moment ms={expiresMs} format={dayClock} />,
        },
        {
          head: <span class="visually-hidden">Remove</span>,
          cell: ({ id, value }) =>
            mayTriage
              ? (
                <form method="post" action="/lists">
                  <button
                    class="btn"
                    type="submit"
                    name="remove"
                    value={id}
                    aria-label={`Remove ${printable(value)}`}
                  >
                    Remove
                  </button>
                </form>
              )
              : null,
        },
      ]}
    />
  );
}
