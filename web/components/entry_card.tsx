import type { ComponentChildren, VNode } from "preact";
import { Logo } from "./logo.tsx";

/** The card of the pages before the dashboard: log in, make the first account. */
export function EntryCard(
  { title, fault, children }: {
    title: string;
    /** What was wrong with the last attempt; empty if nothing. */
    fault: string;
    children: ComponentChildren;
  },
): VNode {
  return (
    <main class="entry">
      <div class="entry-card">
        <p class="brand">
          <Logo /> JA4 Platform
        </p>
        <h1>{title}</h1>
        {fault === ""
          ? null
          : <p class="notice notice-bad" role="alert">{fault}</p>}
        {children}
      </div>
    </main>
  );
}
