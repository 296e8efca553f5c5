/** The control of the top bar that chooses the time range: links and a form, no script. @module */
import type { VNode } from "preact";
import { Icon } from "./icon.tsx";
import {
  PRESETS,
  shifted,
  type TimeRange as Range,
  widened,
  withParams,
} from "../data/range.ts";

/** Earlier, a menu of presets with two fields, later. Without a range the page shows all times. */
export function TimeRange(
  { url, range }: { url: URL; range: Range | undefined },
): VNode {
  const at = (from: string, to: string): string =>
    withParams(url, { from, to, after: "" });
  const earlier = range === undefined ? undefined : shifted(range, -1);
  const later = range === undefined ? undefined : shifted(range, 1);
  const wider = range === undefined ? undefined : widened(range, Date.now());
  const kept = [...url.searchParams].filter(([name]) =>
    name !== "from" && name !== "to" && name !== "after"
  );
  return (
    <div
      class="time-range"
      {...(range === undefined ? {} : {
        "data-from": range.from.toISOString(),
        "data-to": range.to.toISOString(),
      })}
    >
      {earlier === undefined ? null : (
        <a
          class="btn btn-icon"
          href={at(earlier.from, earlier.to)}
          aria-label="Earlier"
          title="Earlier (t ←)"
          data-time="earlier"
        >
          <Icon name="chevron-left" />
        </a>
      )}
      <button class="btn" type="button" popovertarget="range-menu">
        {range?.label ?? "Any time"}
        <Icon name="chevron-down" />
      </button>
      <div class="popup range-menu" id="range-menu" popover="auto">
        <ul>
          {PRESETS.map((preset) => (
            <li key={preset.from}>
              <a
                class="popup-item"
                href={at(preset.from, "")}
                {...(range?.label === preset.label
                  ? { "aria-current": "true" as const }
                  : {})}
              >
                {preset.label}
              </a>
            </li>
          ))}
          {wider === undefined ? null : (
            <li>
              <a
                class="popup-item"
                href={at(wider.from, wider.to)}
                data-time="out"
              >
                Zoom out
              </a>
            </li>
          )}
          {range?.explicit === true
            ? (
              <li>
                <a class="popup-item" href={at("", "")}>Choose for me</a>
              </li>
            )
            : null}
        </ul>
        <form method="get" action={url.pathname} class="range-form">
          {kept.map(([name, value]) => (
            <input key={name + value} type="hidden" name={name} value={value} />
          ))}
          <label>
            From
            <input
              class="input"
              name="from"
              value={url.searchParams.get("from") ?? ""}
              placeholder="-24h"
              autocomplete="off"
            />
          </label>
          <label>
            To
            <input
              class="input"
              name="to"
              value={url.searchParams.get("to") ?? ""}
              placeholder="now"
              autocomplete="off"
            />
          </label>
          <button class="btn" type="submit">Apply</button>
        </form>
      </div>
      {later === undefined || range === undefined ||
          range.to.getTime() > Date.now() - 60_000
        ? null
        : (
          <a
            class="btn btn-icon"
            href={at(later.from, later.to)}
            aria-label="Later"
            title="Later (t →)"
            data-time="later"
          >
            <Icon name="chevron-right" />
          </a>
        )}
      {range === undefined ? null : (
        <a
          class="btn btn-icon"
          href={withParams(url, {
            from: range.from.toISOString(),
            to: range.to.toISOString(),
          })}
          data-link
          aria-label="Copy link"
          title="Copy the link to what is seen now"
        >
          <Icon name="link" />
        </a>
      )}
    </div>
  );
}
