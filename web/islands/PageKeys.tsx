import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { keysOff } from "../keys_off.ts";

/** Keys for what the server has rendered: an element with `data-key="e"` is clicked by `e`. */
export default function PageKeys(): VNode {
  const ready = useSignal(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (keysOff() || event.defaultPrevented) return;
      const target = event.target as HTMLElement;
      if (target.matches("input, textarea, select")) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (!/^[a-zA-Z0-9]$/.test(event.key)) return;
      const element = document.querySelector<HTMLElement>(
        `[data-key="${event.key}"]`,
      );
      if (element === null) return;
      event.preventDefault();
      element.click();
    };
    // After the keys of the values: what is done there is prevented here.
    globalThis.addEventListener("keydown", onKey);
    ready.value = true;
    return () => globalThis.removeEventListener("keydown", onKey);
  }, []);
  return <span data-listens={ready.value ? "yes" : "no"} hidden />;
}
