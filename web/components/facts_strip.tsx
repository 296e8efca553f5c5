/** Labelled figures on top of an entity's page. @module */
import type { ComponentChildren, VNode } from "preact";
import { dayClock } from "./format.ts";
import { Moment } from "./text.tsx";

/** A row of {@linkcode Fact}s. */
export function FactsStrip(
  { label, children }: { label: string; children: ComponentChildren },
): VNode {
  return <dl class="card facts-strip" aria-label={label}>{children}</dl>;
}

/** One figure and its name. */
export function Fact(
  { name, children }: { name: string; children: ComponentChildren },
): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** When something was first and last seen, milliseconds since the epoch. */
export function SeenFacts(
  { firstSeenMs, lastSeenMs }: { firstSeenMs?: number; lastSeenMs?: number },
): VNode {
  return (
    <>
      <Fact name="First seen">{seen(firstSeenMs)}</Fact>
      <Fact name="Last seen">{seen(lastSeenMs)}</Fact>
    </>
  );
}

function seen(ms: number | undefined): ComponentChildren {
  return ms === undefined
    ? "never"
    : <Moment ms={ms} format={dayClock} label />;
}
