import { keysOff } from "../keys_off.ts";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

/**
 * Opens the menu of a value in place: by its mark, by the right button, or by `.` where the focus is.
 * What it holds is what the page behind the mark shows (routes/value.tsx), asked for when it opens.
 */
export default function ValueMenu(): VNode {
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let opener: HTMLElement | undefined;

    async function open(mark: HTMLAnchorElement): Promise<void> {
      const box = menu.current;
      if (box === null) return;
      const response = await fetch(mark.href);
      const text = await response.text();
      const list = new DOMParser().parseFromString(text, "text/html")
        .getElementById("value-actions");
      if (list === null) return location.assign(mark.href);
      box.replaceChildren(list);
      opener = mark.parentElement?.querySelector("a") ?? mark;
      box.showPopover();
      const place = (mark.parentElement ?? mark).getBoundingClientRect();
      const size = box.getBoundingClientRect();
      const below = place.bottom + size.height < innerHeight;
      box.style.left = `${
        Math.max(8, Math.min(place.left, innerWidth - size.width - 8))
      }px`;
      box.style.top = `${
        Math.max(8, below ? place.bottom + 2 : place.top - size.height - 2)
      }px`;
      box.querySelector<HTMLElement>("a, button")?.focus();
    }

    function markOf(target: EventTarget | null): HTMLAnchorElement | null {
      if (!(target instanceof Element)) return null;
      const value = target.closest(".v") ??
        target.closest("tr")?.querySelector(".v");
      return value?.querySelector<HTMLAnchorElement>("a.pick") ?? null;
    }

    function onClick(event: MouseEvent): void {
      const target = event.target as Element;
      const copy = target.closest<HTMLElement>("[data-copy]");
      if (copy !== null) {
        const old = copy.textContent;
        void navigator.clipboard.writeText(copy.dataset["copy"] ?? "").then(
          () => copy.textContent = "Copied",
          () => copy.textContent = "The browser does not let it be copied",
        ).then(() =>
          setTimeout(() => {
            copy.textContent = old;
            menu.current?.hidePopover();
          }, 900)
        );
        return;
      }
      const mark = target.closest<HTMLAnchorElement>("a.pick");
      if (mark === null || event.ctrlKey || event.metaKey || event.shiftKey) {
        return;
      }
      event.preventDefault();
      void open(mark);
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
      if (box?.contains(target) === true) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step === undefined) return;
        const items = [...box.querySelectorAll<HTMLElement>("a, button")];
        const next = items.indexOf(target) + step + items.length;
        items[next % items.length]?.focus();
        event.preventDefault();
        return;
      }
      if (event.key !== "." || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      if (target.matches("input:not([type=checkbox]), textarea, select")) {
        return;
      }
      if (keysOff()) return;
      const mark = markOf(target);
      if (mark === null) return;
      event.preventDefault();
      void open(mark);
    }

    function onToggle(event: Event): void {
      if ((event as ToggleEvent).newState === "closed") opener?.focus();
    }

    const box = menu.current;
    document.addEventListener("click", onClick);
    document.addEventListener("contextmenu", onContext);
    document.addEventListener("keydown", onKey);
    box?.addEventListener("toggle", onToggle);
    return () => {
      document.removeEventListener("click", onClick);
      document.removeEventListener("contextmenu", onContext);
      document.removeEventListener("keydown", onKey);
      box?.removeEventListener("toggle", onToggle);
    };
  }, []);
  return <div ref={menu} class="popup value-menu" popover="auto" />;
}
