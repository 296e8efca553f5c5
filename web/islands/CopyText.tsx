import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { copyText } from "../clipboard.ts";

/** A button that copies a text, and says for two seconds that it did. Hidden by CSS where there is no script. */
export default function CopyText(
  { text, children }: { text: string; children: string },
): VNode {
  const copied = useSignal(false);
  async function copy(): Promise<void> {
    if (!await copyText(text)) return;
    copied.value = true;
    setTimeout(() => copied.value = false, 2000);
  }
  return (
    <button
      type="button"
      class="btn needs-script"
      data-text={text}
      onClick={copy}
    >
      {copied.value ? "Copied" : children}
    </button>
  );
}
