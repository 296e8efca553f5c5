/** Parts of the pages where people keep accounts, tokens and sessions. @module */
import type { ComponentChildren, VNode } from "preact";
import type { Session } from "../auth/session_store.ts";
import { qrModules, qrPath } from "../qr.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { DataTable } from "./data_table.tsx";
import { dayClock, zoneLabel } from "./format.ts";
import { Card } from "./panel.tsx";
import { usePage } from "./page_view.ts";
import { Ago, Hostile } from "./text.tsx";

/** What the last form did, or why it did nothing. */
export function Notice(
  { done, fault }: { done?: string | undefined; fault?: string | undefined },
): VNode | null {
  if (fault !== undefined && fault !== "") {
    return <p class="notice notice-bad" role="alert">{fault}</p>;
  }
  return done === undefined || done === ""
    ? null
    : <p class="notice done" role="status">{done}</p>;
}

/** A card with a form in it, whose button says what `do` is. */
export function FormCard(
  { title, note, action, what, button, danger = false, children }: {
    title: string;
    note?: ComponentChildren;
    action: string;
    /** Value of the field `do`. */
    what: string;
    button: string;
    danger?: boolean;
    children?: ComponentChildren;
  },
): VNode {
  return (
    <Card title={title}>
      <form method="post" action={action} class="card-form">
        {note === undefined ? null : <p class="muted">{note}</p>}
        {children}
        <div>
          <button
            class={danger ? "btn btn-danger" : "btn"}
            type="submit"
            name="do"
            value={what}
          >
            {button}
          </button>
        </div>
      </form>
    </Card>
  );
}

/** One field with its label. */
export function Field(
  { label, children }: { label: string; children: ComponentChildren },
): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

/** A secret that is shown this once. */
export function Secret(
  { label, text, children }: {
    label: string;
    text: string;
    children?: ComponentChildren;
  },
): VNode {
  return (
    <div class="notice secret" role="status">
      <p>
        <strong>{label}</strong>
      </p>
      <p class="mono wrap">
        {text} <CopyButton text={text} label={label} />
      </p>
      {children}
    </div>
  );
}

/** A QR code: dark on light in both themes, as readers want it. */
export function QrCode(
  { text, label }: { text: string; label: string },
): VNode {
  const modules = qrModules(text);
  const side = modules.length + 8;
  return (
    <svg
      class="qr"
      viewBox={`-4 -4 ${side} ${side}`}
      width="220"
      height="220"
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <rect class="qr-light" x="-4" y="-4" width={side} height={side} />
      <path class="qr-dark" d={qrPath(modules)} />
    </svg>
  );
}

/** Sessions with a button that ends each. */
export function SessionTable(
  { sessions, own, action }: {
    sessions: readonly Session[];
    /** Digest of the session that asks. */
    own: string | undefined;
    action: string;
  },
): VNode {
  return (
    <DataTable<Session>
      label="Sessions"
      rows={sessions}
      columns={[
        {
          head: "Browser",
          class: "clip wide",
          cell: (row) => <Hostile text={row.user_agent} max={90} />,
        },
        { head: "Address", class: "mono", cell: (row) => row.src_ip },
        {
          head: "Since",
          class: "nowrap",
          cell: (row) => <When seconds={row.created_at} />,
        },
        {
          head: "Last used",
          class: "nowrap",
          cell: (row) => (
            <>
              <Ago ms={row.seen_at * 1000} /> ago
            </>
          ),
        },
        {
          head: <span class="visually-hidden">End</span>,
          cell: (row) =>
            row.token_sha256 === own
              ? <span class="badge ok">this one</span>
              : (
                <form method="post" action={action}>
                  <input
                    type="hidden"
                    name="session"
                    value={row.token_sha256}
                  />
                  <button
                    class="btn"
                    type="submit"
                    name="do"
                    value="end_session"
                    aria-label={`End the session from ${row.src_ip}`}
                  >
                    End
                  </button>
                </form>
              ),
        },
      ]}
    />
  );
}

/** A moment in seconds since the epoch; 0 is never. */
export function When({ seconds }: { seconds: number }): VNode {
  const { zone } = usePage();
  return seconds === 0
    ? <span class="muted">never</span>
    : (
      <time dateTime={new Date(seconds * 1000).toISOString()}>
        {dayClock(seconds * 1000, zone).slice(0, 16)} {zoneLabel(zone)}
      </time>
    );
}

/** Links between the pages of one's own settings. */
export function SettingsTabs({ at }: { at: "account" | "tokens" }): VNode {
  return (
    <nav class="switch" aria-label="Settings">
      <a
        href="/settings"
        {...(at === "account" ? { "aria-current": "page" as const } : {})}
      >
        Account
      </a>
      <a
        href="/settings/tokens"
        {...(at === "tokens" ? { "aria-current": "page" as const } : {})}
      >
        API tokens
      </a>
    </nav>
  );
}
