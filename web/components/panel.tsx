/** A card of a page: its title, its data, or why there is none. @module */
import type { ComponentChildren, VNode } from "preact";
import { type Loaded, STILL_LOADING } from "../data/ask.ts";
import { usePage } from "./page_view.ts";

/** What a {@linkcode Panel} takes. */
export interface PanelProps<T> {
  title: string;
  /** Beside the title, quieter. */
  note?: ComponentChildren;
  /** On the right of the title: links, switches. */
  actions?: ComponentChildren;
  class?: string;
  loaded: Loaded<T>;
  children: (value: T) => ComponentChildren;
}

/** A card around data that may have failed to load: then the reason and a way on stand in its place. */
export function Panel<T>(props: PanelProps<T>): VNode {
  const { loaded } = props;
  return (
    <Card {...props}>
      {loaded.ok
        ? props.children(loaded.value)
        : <PanelError message={loaded.message} />}
    </Card>
  );
}

/** A card around anything. */
export function Card(
  { title, note, actions, class: className = "", children }: {
    title: string;
    note?: ComponentChildren;
    actions?: ComponentChildren;
    class?: string;
    children: ComponentChildren;
  },
): VNode {
  return (
    <section class={`card ${className}`.trim()}>
      <header class="card-head">
        <h2>{title}</h2>
        {note === undefined ? null : <span class="card-note">{note}</span>}
        {actions === undefined
          ? null
          : <div class="card-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** What stands in a panel whose question failed, or is not answered yet. */
export function PanelError({ message }: { message: string }): VNode {
  const { url } = usePage();
  if (message === STILL_LOADING) return <PanelLate />;
  return (
    <div class="panel-state panel-error">
      <p>
        <strong>This panel could not be loaded.</strong> {message}
      </p>
      <p>
        <a class="btn" href={url.pathname + url.search}>Try again</a>
      </p>
    </div>
  );
}

/** Room for what comes. */
function PanelLate(): VNode {
  return (
    <div class="panel-state panel-late" aria-busy="true">
      <p class="muted">Still loading</p>
      <span aria-hidden="true" />
      <span aria-hidden="true" />
      <span aria-hidden="true" />
    </div>
  );
}

/** A card in place of something that could not be loaded. */
export function ErrorCard({ message }: { message: string }): VNode {
  return (
    <section class="card">
      <PanelError message={message} />
    </section>
  );
}

/** What stands in a panel without data, and what to do next. */
export function Empty(
  { title, children }: { title: string; children?: ComponentChildren },
): VNode {
  return (
    <div class="panel-state">
      <p>
        <strong>{title}</strong>
      </p>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

/** A row of links of which one is chosen. */
export function Switch(
  { label, options }: {
    label: string;
    options: readonly {
      readonly text: ComponentChildren;
      readonly href: string;
      readonly current: boolean;
    }[];
  },
): VNode {
  return (
    <nav class="switch" aria-label={label}>
      {options.map((option) => (
        <a
          key={option.href}
          href={option.href}
          {...(option.current ? { "aria-current": "true" as const } : {})}
        >
          {option.text}
        </a>
      ))}
    </nav>
  );
}
