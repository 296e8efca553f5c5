/** Labelled figures on top of an entity's page. @module */
import type { ComponentChildren, VNode } from "preact";

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

/** When something was first and last seen. */
export function SeenFacts(
  { first, last }: { first: ComponentChildren; last: ComponentChildren },
): VNode {
  return (
    <>
      <Fact name="First seen">{first ?? "never"}</Fact>
      <Fact name="Last seen">{last ?? "never"}</Fact>
    </>
  );
}
