import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { keysOff, setKeysOff } from "../keys_off.ts";

/** Where the cursor was when a form took the page away. */
const PLACE = "ja4-list-place";

/** What stands below the list; the help has them all (keys.ts). */
const HINTS: readonly (readonly [string, string])[] = [
  ["j k", "move"],
  ["x", "select"],
  ["Enter", "open"],
  ["p", "preview"],
  ["a", "acknowledge"],
  ["e", "archive"],
  ["s", "escalate"],
  ["m", "take"],
  ["1 2 3", "verdict"],
  ["u", "undo"],
];
const ACTIONS: Readonly<Record<string, string>> = {
  a: "acknowledge",
  e: "archive",
  s: "escalate",
  S: "escalate_archive",
  m: "assign",
  "1": "true_positive",
  "2": "false_positive",
  "3": "benign_bot",
};
/** Keys of a list that has nothing to tick and no panel beside it; of those, what stands below it. */
const BRIEF = new Set(["j", "k", "o", "u", ...Object.keys(ACTIONS)]);
const BRIEF_HINTS = new Set(["j k", "Enter", "e", "s"]);
/** Class of the page while the panel beside the list is put away. */
const NO_PREVIEW = "no-preview";
/** Milliseconds for which the cursor rests before the panel follows it. */
const FOLLOW_MS = 80;

/**
 * Keys for the list of detections that the server has rendered: the cursor is the focused row, the
 * selection its checkboxes, an action the button of the form. Shows what the keys are. A `brief` list
 * is of a few rows without boxes to tick: an action is for the row of the cursor.
 */
export default function ListKeys(
  { form, brief = false }: { form: string; brief?: boolean },
): VNode {
  const off = useSignal(false);
  const selected = useSignal(0);
  const ready = useSignal(false);
  useEffect(() => {
    off.value = keysOff();
    const list = document.getElementById(form) as HTMLFormElement | null;
    if (list === null) return;
    const countSelected = (): void => {
      selected.value = list.querySelectorAll("input[name=id]:checked").length;
    };
    // "*" begins a pair: * a, * n, * j.
    let star = false;
    const onKey = (event: KeyboardEvent): void => {
      if (off.value || isTyping(event)) return;
      if (brief && !BRIEF.has(event.key)) return;
      if (star) selectMany(list, event.key);
      else handleKey(event, list);
      if (star) event.preventDefault();
      star = event.key === "*";
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onFocus = (event: FocusEvent): void => {
      const row = (event.target as Element).closest("tr");
      const id = row?.querySelector<HTMLElement>("[data-row]")?.dataset["row"];
      if (id === undefined) return;
      clearTimeout(timer);
      timer = setTimeout(() => void showPreview(id), FOLLOW_MS);
    };
    // A click beside the links of a row puts the cursor on it, and so its preview into the panel.
    const onClick = (event: MouseEvent): void => {
      const target = event.target as Element;
      const busy = target.closest("a, button, label, input") !== null ||
        getSelection()?.isCollapsed === false;
      const row = busy ? null : target.closest("tr");
      row?.querySelector<HTMLElement>("[data-row]")?.focus();
    };
    document.body.classList.toggle(
      NO_PREVIEW,
      localStorage.getItem(NO_PREVIEW) === "1",
    );
    const keepPlace = (): void =>
      sessionStorage.setItem(PLACE, String(cursorOf(list)));
    list.addEventListener("change", countSelected);
    list.addEventListener("submit", keepPlace);
    list.addEventListener("focusin", onFocus);
    list.addEventListener("click", onClick);
    document.addEventListener("keydown", onKey);
    countSelected();
    restorePlace(list);
    ready.value = true;
    return () => {
      list.removeEventListener("change", countSelected);
      list.removeEventListener("submit", keepPlace);
      list.removeEventListener("focusin", onFocus);
      list.removeEventListener("click", onClick);
      clearTimeout(timer);
      document.removeEventListener("keydown", onKey);
    };
  }, []);
  function toggle(): void {
    off.value = !off.value;
    setKeysOff(off.value);
  }
  return (
    <div
      class="keys needs-script"
      data-listens={ready.value ? "yes" : "no"}
    >
      {selected.value > 0
        ? <span class="keys-selected">{selected.value} selected</span>
        : null}
      {off.value
        ? null
        : HINTS.map(([key, what]) =>
          brief && !BRIEF_HINTS.has(key) ? null : (
            <span key={key}>
              <kbd>{key}</kbd> {what}
            </span>
          )
        )}
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
  const row = document.activeElement?.closest("tr, li");
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

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return event.ctrlKey || event.metaKey || event.altKey ||
    target.matches("input:not([type=checkbox]), textarea, select") ||
    target.closest(":popover-open") !== null;
}

function handleKey(event: KeyboardEvent, list: HTMLFormElement): void {
  const rows = rowsOf(list);
  const at = cursorOf(list);
  const action = ACTIONS[event.key];
  if (event.key === "j") rows[Math.min(at + 1, rows.length - 1)]?.focus();
  else if (event.key === "k") rows[Math.max(at - 1, 0)]?.focus();
  else if (event.key === "x" && at >= 0) toggleRow(rows[at]);
  else if (event.key === "X" && at >= 0) selectTo(list, at);
  else if (event.key === "o" && at >= 0) rows[at]?.click();
  else if (event.key === "p") togglePreview();
  else if (event.key === "n") {
    document.getElementById("note")?.showPopover();
    document.querySelector<HTMLElement>("#note textarea")?.focus();
  } else if (event.key === "u") {
    const undo = document.querySelector<HTMLElement>("button[name=undo]");
    if (undo === null) return;
    sessionStorage.setItem(PLACE, String(at));
    undo.click();
  } else if (event.key === "Escape") selectMany(list, "n");
  else if (action !== undefined) act(list, rows[at], action);
  else return;
  event.preventDefault();
}

/** The second key of a pair: all of the page, none, or all with the JA4 of the cursor. */
function selectMany(list: HTMLFormElement, key: string): void {
  const rows = rowsOf(list);
  const ja4 = rows[cursorOf(list)]?.dataset["ja4"];
  for (const link of rows) {
    const box = boxOf(link);
    if (box === null) continue;
    if (key === "a") box.checked = true;
    else if (key === "n") box.checked = false;
    else if (key === "j" && ja4 !== undefined) {
      box.checked ||= link.dataset["ja4"] === ja4;
    }
  }
  changed(list);
}

/** Selects from the last selected row above, or below, to the cursor. */
function selectTo(list: HTMLFormElement, at: number): void {
  const rows = rowsOf(list);
  const ticked = rows.flatMap((link, index) =>
    boxOf(link)?.checked === true ? [index] : []
  );
  const from = ticked.findLast((index) => index < at) ?? ticked[0] ?? at;
  for (
    let index = Math.min(from, at);
    index <= Math.max(from, at);
    index++
  ) {
    const box = boxOf(rows[index]);
    if (box !== null) box.checked = true;
  }
  changed(list);
}

function changed(list: HTMLElement): void {
  list.dispatchEvent(new Event("change", { bubbles: true }));
}

function togglePreview(): void {
  const hidden = document.body.classList.toggle(NO_PREVIEW);
  localStorage.setItem(NO_PREVIEW, hidden ? "1" : "0");
}

/** Puts detection `id` into the panel beside the list. */
async function showPreview(id: string): Promise<void> {
  const panel = document.querySelector(".inbox .preview");
  if (
    panel === null || panel.querySelector(`[data-preview="${id}"]`) !== null
  ) {
    return;
  }
  const { search } = location;
  const response = await fetch(`/detections/${id}/preview${search}`);
  const text = await response.text();
  const shown = new DOMParser().parseFromString(text, "text/html")
    .getElementById("preview");
  if (shown !== null) panel.replaceChildren(shown);
}

function boxOf(link: Element | undefined): HTMLInputElement | null {
  return link?.closest("tr, li")?.querySelector("input[name=id]") ?? null;
}

function toggleRow(link: Element | undefined): void {
  const box = boxOf(link);
  if (box === null) return;
  box.checked = !box.checked;
  changed(box);
}

/** Does `action` to the selection; without one, to the row of the cursor. */
function act(
  list: HTMLFormElement,
  link: Element | undefined,
  action: string,
): void {
  // Where all are one's own, the button of "assign to me" gives back.
  const given = action === "assign" ? ", [value=unassign]" : "";
  const button = list.querySelector<HTMLButtonElement>(
    `button[name=action]:is([value=${action}]${given})`,
  );
  if (button === null) return;
  // Boxes that nobody sees hold nobody's choice: one may be left from a page that one came back to.
  for (const box of list.querySelectorAll<HTMLInputElement>("[name=id]")) {
    if (box.hidden) box.checked = false;
  }
  if (list.querySelector(":is([name=id], [name=all]):checked") === null) {
    const box = boxOf(link);
    if (box === null) return;
    box.checked = true;
  }
  list.requestSubmit(button);
}
