import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";

/** Where the cursor was when a form took the page away. */
const PLACE = "ja4-list-place";
/** Single keys can be switched off (WCAG 2.2, criterion 2.1.4). */
const KEYS_OFF = "ja4-keys-off";

const HINTS: readonly (readonly [string, string])[] = [
  ["j", "down"],
  ["k", "up"],
  ["x", "select"],
  ["Enter", "open"],
  ["a", "acknowledge"],
  ["e", "archive"],
  ["s", "escalate"],
  ["m", "assign to me"],
  ["u", "undo"],
];
const ACTIONS: Readonly<Record<string, string>> = {
  a: "acknowledge",
  e: "archive",
  s: "escalate",
  m: "assign",
};

/**
 * Keys for the list of detections that the server has rendered: the cursor is the focused row, the
 * selection its checkboxes, an action the button of the form. Shows what the keys are.
 */
export default function ListKeys({ form }: { form: string }): VNode {
  const off = useSignal(false);
  const selected = useSignal(0);
  const ready = useSignal(false);
  useEffect(() => {
    off.value = localStorage.getItem(KEYS_OFF) === "1";
    const list = document.getElementById(form) as HTMLFormElement | null;
    if (list === null) return;
    const countSelected = (): void => {
      selected.value = list.querySelectorAll("input[name=id]:checked").length;
    };
    const onKey = (event: KeyboardEvent): void => {
      if (!off.value) handleKey(event, list);
    };
    const keepPlace = (): void =>
      sessionStorage.setItem(PLACE, String(cursorOf(list)));
    list.addEventListener("change", countSelected);
    list.addEventListener("submit", keepPlace);
    document.addEventListener("keydown", onKey);
    countSelected();
    restorePlace(list);
    ready.value = true;
    return () => {
      list.removeEventListener("change", countSelected);
      list.removeEventListener("submit", keepPlace);
      document.removeEventListener("keydown", onKey);
    };
  }, []);
  function toggle(): void {
    off.value = !off.value;
    localStorage.setItem(KEYS_OFF, off.value ? "1" : "0");
  }
  return (
    <div
      class="keys needs-script"
      data-keys-ready={ready.value ? "" : undefined}
    >
      {selected.value > 0
        ? <span class="keys-selected">{selected.value} selected</span>
        : null}
      {off.value ? null : HINTS.map(([key, what]) => (
        <span key={key}>
          <kbd>{key}</kbd> {what}
        </span>
      ))}
      <button type="button" class="link" onClick={toggle}>
        {off.value ? "Turn keys on" : "Turn keys off"}
      </button>
    </div>
  );
}

function rowsOf(list: HTMLElement): HTMLAnchorElement[] {
  return [...list.querySelectorAll<HTMLAnchorElement>("a[data-row]")];
}

/** Index of the row that holds the focus, -1 if none does. */
function cursorOf(list: HTMLElement): number {
  const row = document.activeElement?.closest("tr");
  return row === null || row === undefined
    ? -1
    : rowsOf(list).findIndex((link) => row.contains(link));
}

function restorePlace(list: HTMLElement): void {
  const place = Number(sessionStorage.getItem(PLACE) ?? "-1");
  sessionStorage.removeItem(PLACE);
  if (place < 0) return;
  const rows = rowsOf(list);
  rows[Math.min(place, rows.length - 1)]?.focus();
}

function handleKey(event: KeyboardEvent, list: HTMLFormElement): void {
  const target = event.target as HTMLElement;
  const typing = target.matches("input:not([type=checkbox]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = rowsOf(list);
  const at = cursorOf(list);
  const action = ACTIONS[event.key];
  if (event.key === "j") rows[Math.min(at + 1, rows.length - 1)]?.focus();
  else if (event.key === "k") rows[Math.max(at - 1, 0)]?.focus();
  else if (event.key === "x" && at >= 0) toggleRow(rows[at]);
  else if (event.key === "u") {
    document.querySelector<HTMLElement>("button[name=undo]")?.click();
  } else if (action !== undefined) act(list, rows[at], action);
  else return;
  event.preventDefault();
}

function boxOf(link: Element | undefined): HTMLInputElement | null {
  return link?.closest("tr")?.querySelector("input[name=id]") ?? null;
}

function toggleRow(link: Element | undefined): void {
  const box = boxOf(link);
  if (box === null) return;
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Does `action` to the selection; without one, to the row of the cursor. */
function act(
  list: HTMLFormElement,
  link: Element | undefined,
  action: string,
): void {
  const button = list.querySelector<HTMLButtonElement>(
    `button[name=action][value=${action}]`,
  );
  if (button === null) return;
  if (list.querySelector(":is([name=id], [name=all]):checked") === null) {
    const box = boxOf(link);
    if (box === null) return;
    box.checked = true;
  }
  list.requestSubmit(button);
}
