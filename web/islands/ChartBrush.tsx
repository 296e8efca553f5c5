import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { dayClock, zoneLabel } from "../components/format.ts";

/** A stretch of columns, both included; `anchor` is where it began. */
interface Stretch {
  readonly anchor: number;
  readonly head: number;
}

/** Pixels that the pointer moves before it is a drag and not a click. */
const DRAG_PX = 4;

/**
 * Lies over a chart of equal columns: a line where the pointer or the arrow keys are with what stands
 * there, and a stretch drawn by the pointer or by Shift with the arrows, which becomes the page's range.
 * What a column says is the title that the server gave it.
 */
export default function ChartBrush(
  { fromMs, stepMs, columns, zone, names, label }: {
    /** Start of the first column, milliseconds since the epoch. */
    fromMs: number;
    stepMs: number;
    columns: number;
    zone: string;
    /** Parameters of the URL that the two ends of a stretch are written to. */
    names: readonly [from: string, to: string];
    /** What is chosen: "Time range". */
    label: string;
  },
): VNode {
  const box = useRef<HTMLDivElement>(null);
  const at = useSignal<number | undefined>(undefined);
  const stretch = useSignal<Stretch | undefined>(undefined);
  const words = useRef<ReadonlyMap<number, string>>(new Map());
  const ready = useSignal(false);

  useEffect(() => {
    const marks = box.current?.parentElement?.querySelectorAll("[data-column]");
    words.current = new Map(
      [...marks ?? []].map((mark) => [
        Number(mark.getAttribute("data-column")),
        mark.querySelector("title")?.textContent ?? "",
      ]),
    );
    ready.value = true;
  }, []);

  const clamp = (column: number): number =>
    Math.max(0, Math.min(columns - 1, column));
  const columnAt = (event: PointerEvent): number => {
    const { left, width } = (event.currentTarget as HTMLElement)
      .getBoundingClientRect();
    return clamp(Math.floor((event.clientX - left) / width * columns));
  };
  const time = (column: number): string =>
    dayClock(fromMs + column * stepMs, zone);
  const textOf = (column: number): string =>
    words.current.get(column) ?? `${time(column)} ${zoneLabel(zone)}`;
  const chosen = (): string => {
    const { anchor, head } = stretch.value ?? { anchor: 0, head: 0 };
    return `${time(Math.min(anchor, head))} to ${
      time(Math.max(anchor, head) + 1)
    }`;
  };

  function go(first: number, last: number): void {
    const url = new URL(location.href);
    const stamp = (ms: number): string => new Date(ms).toISOString();
    url.searchParams.set(names[0], stamp(fromMs + first * stepMs));
    url.searchParams.set(names[1], stamp(fromMs + (last + 1) * stepMs));
    url.searchParams.delete("after");
    location.assign(url);
  }
  function take(): void {
    const { anchor, head } = stretch.value ?? {
      anchor: at.value ?? 0,
      head: at.value ?? 0,
    };
    go(Math.min(anchor, head), Math.max(anchor, head));
  }

  const startX = useRef<number | undefined>(undefined);
  function onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    startX.current = event.clientX;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    stretch.value = undefined;
    at.value = columnAt(event);
  }
  function onMove(event: PointerEvent): void {
    const column = columnAt(event);
    const moved = Math.abs(event.clientX - (startX.current ?? NaN)) > DRAG_PX;
    if (stretch.value === undefined && moved) {
      stretch.value = { anchor: at.value ?? column, head: column };
    } else if (startX.current !== undefined && stretch.value !== undefined) {
      stretch.value = { ...stretch.value, head: column };
    }
    if (startX.current === undefined) at.value = column;
  }
  function onUp(): void {
    startX.current = undefined;
    if (stretch.value !== undefined) take();
  }
  /** Twice as long, around the same middle. */
  function zoomOut(): void {
    const half = Math.ceil(columns / 2);
    go(-half, columns - 1 + half);
  }

  function onKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      const before = at.value ?? (step > 0 ? -1 : columns);
      const next = clamp(before + step);
      stretch.value = event.shiftKey
        ? { anchor: stretch.value?.anchor ?? clamp(before), head: next }
        : undefined;
      at.value = next;
    } else if (event.key === "Home") at.value = 0;
    else if (event.key === "End") at.value = columns - 1;
    else if (event.key === "Enter") take();
    else if (event.key === "Escape") {
      stretch.value = undefined;
      at.value = undefined;
    } else return;
    event.preventDefault();
  }

  const column = at.value;
  const share = (value: number): string => `${value / columns * 100}%`;
  const first = Math.min(stretch.value?.anchor ?? 0, stretch.value?.head ?? 0);
  const last = Math.max(stretch.value?.anchor ?? 0, stretch.value?.head ?? 0);
  const text = column === undefined
    ? "nothing chosen"
    : stretch.value === undefined
    ? textOf(column)
    : chosen();
  return (
    <div
      ref={box}
      class="brush needs-script"
      role="slider"
      tabIndex={0}
      aria-label={`${label}: arrows move, Shift with arrows chooses, Enter takes it`}
      aria-valuemin={0}
      aria-valuemax={columns - 1}
      aria-valuenow={column ?? 0}
      aria-valuetext={text}
      data-brush-ready={ready.value ? "" : undefined}
      onPointerDown={onDown}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerLeave={() => {
        if (startX.current === undefined) at.value = undefined;
      }}
      onDblClick={zoomOut}
      onKeyDown={onKey}
      onBlur={() => {
        at.value = undefined;
        stretch.value = undefined;
      }}
    >
      {column === undefined ? null : (
        <>
          <svg
            class="brush-marks"
            width="100%"
            height="100%"
            aria-hidden="true"
          >
            {stretch.value === undefined
              ? (
                <line
                  class="crosshair"
                  x1={share(column + 0.5)}
                  x2={share(column + 0.5)}
                  y1="0"
                  y2="100%"
                />
              )
              : (
                <rect
                  class="stretch"
                  x={share(first)}
                  width={share(last - first + 1)}
                  y="0"
                  height="100%"
                />
              )}
          </svg>
          <span
            class={`brush-text ${column > columns / 2 ? "at-start" : "at-end"}`}
          >
            {text}
          </span>
        </>
      )}
    </div>
  );
}
