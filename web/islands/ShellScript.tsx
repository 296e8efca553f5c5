import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { here } from "../here.ts";
import { GO_TO } from "../keys.ts";
import { keysOff } from "../keys_off.ts";

/** Milliseconds within which the second of two keys follows the first. */
const CHORD_MS = 1500;
/** A range that was copied, on this browser. */
const COPIED = "ja4-range";

/**
 * What the shell does with a script: leaves the browser's time zone for the server to format by, and
 * knows the keys that hold on every page. `?` shows them.
 */
export default function ShellScript(): VNode {
  const help = useRef<HTMLDialogElement>(null);
  const listens = useSignal(false);
  useEffect(() => {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    document.cookie = `zone=${
      encodeURIComponent(timeZone)
    }; Path=/; SameSite=Lax; Max-Age=31536000`;
    awaitPanels();
    let first = "";
    let firstMs = 0;

    function onKey(event: KeyboardEvent): void {
      // When it was pressed, not when a busy page came to it.
      const { key, timeStamp } = event;
      if (key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        document.getElementById("search")?.focus();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || keysOff()) return;
      if (isTyping(event.target)) return;
      const chord = timeStamp - firstMs < CHORD_MS ? first : "";
      first = "";
      if (chord === "g" && GO_TO[key] !== undefined) {
        location.assign(here(GO_TO[key]));
      } else if (chord === "t" && timeKey(key)) {
        // Done there.
      } else if (chord === "" && (key === "g" || key === "t")) {
        first = key;
        firstMs = timeStamp;
        return;
      } else if (key === "/") document.getElementById("search")?.focus();
      else if (key === "?") void showHelp(help.current);
      else return;
      event.preventDefault();
      // The letter of a chord is no command of the page as well.
      event.stopImmediatePropagation();
    }

    document.addEventListener("keydown", onKey, { capture: true });
    listens.value = true;
    return () =>
      document.removeEventListener("keydown", onKey, { capture: true });
  }, []);
  return (
    <dialog
      ref={help}
      class="help-dialog"
      aria-label="Keys"
      data-listens={listens.value ? "yes" : "no"}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    />
  );
}

/** Where panels are still being loaded, asks for the page that waits for them; this one stays until it is there. */
function awaitPanels(): void {
  const url = new URL(location.href);
  if (url.searchParams.has("wait")) {
    // It has been waited for: the address is the page's own again.
    url.searchParams.delete("wait");
    history.replaceState(null, "", url);
  }
  const late = document.querySelector<HTMLAnchorElement>("a[data-late]");
  if (late !== null) location.replace(late.href);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches(
        "input:not([type=checkbox], [type=radio]), textarea, select",
      ));
}

/** The second key after `t`; false if it is none of time. */
function timeKey(key: string): boolean {
  const range = document.querySelector<HTMLElement>(".time-range[data-from]");
  const name = { ArrowLeft: "earlier", ArrowRight: "later", z: "out" }[key];
  if (name !== undefined) {
    document.querySelector<HTMLElement>(`[data-time="${name}"]`)?.click();
    return true;
  }
  if (key === "c" && range !== null) {
    const { from = "", to = "" } = range.dataset;
    localStorage.setItem(COPIED, `${from} ${to}`);
    void navigator.clipboard?.writeText(`${from} ${to}`).catch(() => {});
    return true;
  }
  if (key !== "v") return false;
  const [from = "", to = ""] = (localStorage.getItem(COPIED) ?? "").split(" ");
  if (to === "") return true;
  const url = new URL(location.href);
  url.searchParams.set("from", from);
  url.searchParams.set("to", to);
  url.searchParams.delete("after");
  location.assign(url);
  return true;
}

/** The keys, as the page of help has them, over this one. */
async function showHelp(dialog: HTMLDialogElement | null): Promise<void> {
  if (dialog === null || dialog.open) return;
  if (dialog.childElementCount === 0) {
    const response = await fetch(here("/help"));
    const page = new DOMParser().parseFromString(
      await response.text(),
      "text/html",
    );
    const keys = page.getElementById("keys");
    if (keys === null) return;
    const style = page.querySelector('link[href*="/work.css"]');
    if (style !== null) document.head.append(document.importNode(style, true));
    dialog.append(document.importNode(keys, true));
  }
  dialog.showModal();
}
