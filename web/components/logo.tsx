import type { VNode } from "preact";
import { Icon } from "./icon.tsx";

/** The mark of the product. */
export function Logo(): VNode {
  return (
    <span class="logo">
      <Icon name="fingerprint" />
    </span>
  );
}
