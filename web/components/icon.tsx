import { asset } from "fresh/runtime";
import type { VNode } from "preact";
import type { IconName } from "../icons.ts";

/** An icon out of the sprite, 16 px, in the colour of the text. Its meaning has to stand beside it in words. */
export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg class="icon" width="16" height="16" aria-hidden="true">
      <use href={asset("/icons.svg") + "#" + name} />
    </svg>
  );
}
