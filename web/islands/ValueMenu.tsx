import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { copyText } from "../clipboard.ts";
import { keysOff } from "../keys_off.ts";

/** Milliseconds for which it is said what a key did. */
const SAID_MS = 1600;
const NOT_COPIED = "The browser does not let it be copied";

/** Keys that choose an entry of the menu without opening it. */
const CHOICES: Readonly<Record<string, string>> = {
  f: "for",
  F: "out",
  l: "list",
};

/**
 * Opens the menu of a value in place: by its mark, by the right button, or by `.` where the pointer or the
 * focus is. What it holds is what the page behind the mark shows (routes/value.tsx), asked for when it
 * opens. `f`, `Shift f` and `l` choose from it at once, `c` copies the value.
 */
export default function ValueMenu(): VNode {
  const menu = useRef<HTMLDivElement>(null);
  const said = useSignal("");
  const ready = useSignal(false);
  useEffect(() => {
    let opener: HTMLElement | undefined;
    // The value that the pointer was moved onto last, unless the focus has moved since.
    let pointed: Element | null = null;
    let saidTimer: ReturnType<typeof setTimeout> | undefined;

    async function open(mark: HTMLAnchorElement): Promise<void> {
      const box = menu.current;
      if (box === null) return;
      const list = await entriesOf(mark);
      if (list === null) return location.assign(mark.href);
      box.replaceChildren(list);
      opener = mark.parentElement?.querySelector("a") ?? mark;
      box.showPopover();
      place(box, mark.parentElement ?? mark);
      box.querySelector<HTMLElement>("a, button")?.focus();
    }

    async function choose(
      mark: HTMLAnchorElement,
      does: string,
    ): Promise<void> {
      const list = await entriesOf(mark);
      const entry = list?.querySelector<HTMLAnchorElement>(
        `[data-does="${does}"]`,
      );
      if (entry === null || entry === undefined) {
        say("There is no such entry in the menu of this value");
      } else location.assign(entry.href);
    }

    async function copy(mark: HTMLAnchorElement): Promise<void> {
      const value = new URL(mark.href).searchParams.get("v") ?? "";
      say(await copyText(value) ? `Copied ${value.slice(0, 60)}` : NOT_COPIED);
    }

    function say(text: string): void {
      said.value = text;
      clearTimeout(saidTimer);
      saidTimer = setTimeout(() => said.value = "", SAID_MS);
    }

    /** The mark of the value under the pointer, under the focus, or the first of the focused row. */
    function markAt(target: EventTarget | null): HTMLAnchorElement | null {
      if (!(target instanceof Element)) return null;
      const value = pointed ?? target.closest(".v") ??
        target.closest("tr")?.querySelector(".v");
      return value?.querySelector<HTMLAnchorElement>("a.pick") ?? null;
    }

    function onPointer(event: PointerEvent): void {
      pointed = event.target instanceof Element
        ? event.target.closest(".v")
        : null;
    }

    function onFocus(): void {
      pointed = null;
    }

    function onClick(event: MouseEvent): void {
      const target = event.target as Element;
      const button = target.closest<HTMLElement>("[data-copy]");
      if (button !== null) return void copyEntry(button);
      const link = target.closest<HTMLAnchorElement>("a.pick, a[data-link]");
      if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) {
        return;
      }
      event.preventDefault();
      void (link.matches("[data-link]") ? copyLink(link) : open(link));
    }

    /** Copies the address of a link, whole. */
    async function copyLink(link: HTMLAnchorElement): Promise<void> {
      say(
        await copyText(link.href) ? "Link copied, with its times" : NOT_COPIED,
      );
    }

    /** Copies what an entry of the menu stands for, and says so in its place. */
    async function copyEntry(button: HTMLElement): Promise<void> {
      const old = [...button.childNodes];
      const copied = await copyText(button.dataset["copy"] ?? "");
      button.replaceChildren(copied ? "Copied" : NOT_COPIED);
      setTimeout(() => {
        button.replaceChildren(...old);
        menu.current?.hidePopover();
      }, 900);
    }

    function onContext(event: MouseEvent): void {
      const value = (event.target as Element).closest(".v");
      const mark = value?.querySelector<HTMLAnchorElement>("a.pick");
      // With Shift the browser's own menu.
      if (mark === null || mark === undefined || event.shiftKey) return;
      event.preventDefault();
      void open(mark);
    }

    function onKey(event: KeyboardEvent): void {
      const box = menu.current;
      const target = event.target as HTMLElement;
      if (box?.contains(target) === true) return moveIn(box, event);
      const { key } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || keysOff()) return;
      if (key !== "." && key !== "c" && CHOICES[key] === undefined) return;
      if (target.matches("input:not([type=checkbox]), textarea, select")) {
        return;
      }
      const mark = markAt(target);
      if (mark === null) return;
      event.preventDefault();
      const does = CHOICES[key];
      if (does !== undefined) void choose(mark, does);
      else if (key === "c") void copy(mark);
      else void open(mark);
    }

    function onToggle(event: Event): void {
      if ((event as ToggleEvent).newState === "closed") opener?.focus();
    }

    const box = menu.current;
    document.addEventListener("click", onClick);
    document.addEventListener("contextmenu", onContext);
    document.addEventListener("keydown", onKey);
    document.addEventListener("pointerover", onPointer);
    document.addEventListener("focusin", onFocus);
    box?.addEventListener("toggle", onToggle);
    ready.value = true;
    return () => {
      clearTimeout(saidTimer);
      document.removeEventListener("click", onClick);
      document.removeEventListener("contextmenu", onContext);
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("pointerover", onPointer);
      document.removeEventListener("focusin", onFocus);
      box?.removeEventListener("toggle", onToggle);
    };
  }, []);
  return (
    <>
      <div
        ref={menu}
        class="popup value-menu"
        popover="auto"
        data-listens={ready.value ? "yes" : "no"}
      />
      <p class="said" role="status">{said.value}</p>
    </>
  );
}

/** What the page behind a mark offers; null if it is no such page. */
async function entriesOf(mark: HTMLAnchorElement): Promise<Element | null> {
  const response = await fetch(mark.href);
  return new DOMParser().parseFromString(await response.text(), "text/html")
    .getElementById("value-actions");
}

/** Below the value, or above it where there is no room below. */
function place(box: HTMLElement, value: Element): void {
  const at = value.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const below = at.bottom + size.height < innerHeight;
  const left = Math.min(at.left, innerWidth - size.width - 8);
  box.style.left = `${Math.max(8, left)}px`;
  box.style.top = `${
    Math.max(8, below ? at.bottom + 2 : at.top - size.height - 2)
  }px`;
}

/** Arrow keys within the open menu. */
function moveIn(box: HTMLElement, event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const items = [...box.querySelectorAll<HTMLElement>("a, button")];
  const at = items.indexOf(event.target as HTMLElement);
  items[(at + step + items.length) % items.length]?.focus();
  event.preventDefault();
}
