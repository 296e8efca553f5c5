import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { copyText } from "../clipboard.ts";

/** Copies a value, and says for two seconds that it did. Hidden by CSS where there is no script. */
export default function CopyButton(
  { text, label }: {
    text: string;
    /** What is copied: `JA4`. */
    label: string;
  },
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
      class="copy needs-script"
      onClick={copy}
      aria-label={copied.value ? `${label} copied` : `Copy ${label}`}
      title={`Copy ${label}`}
    >
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        {copied.value
          ? <path d="m3 8.5 3.2 3.2L13 5" />
          : <path d="M5.5 5.5h7v8h-7zM3.5 10.5v-8h7" />}
      </svg>
    </button>
  );
}
