/** Hostile text, times and numbers as elements. @module */
import { Fragment, type VNode } from "preact";
import { printable, shorten } from "../../lib/text.ts";
import { age, dayClock, zoneLabel } from "./format.ts";
import { usePage } from "./page_view.ts";

/** Longest text that is put into a page at all; the rest is counted. */
const TEXT_MAX = 2000;

/**
 * Text that a client sent: invisible characters as escapes, isolated in direction, cut in the middle to
 * `max` characters with the whole text as title.
 */
export function Hostile(
  { text, max = 200, class: className }: {
    text: string;
    max?: number;
    class?: string;
  },
): VNode {
  const whole = text.length > TEXT_MAX
    ? `${text.slice(0, TEXT_MAX)}… (${text.length} characters)`
    : text;
  const shown = shorten(printable(whole), max);
  const full = printable(whole);
  return (
    <bdi
      {...(className === undefined ? {} : { class: className })}
      {...(shown === full ? {} : { title: full })}
    >
      {shown}
    </bdi>
  );
}

/** A registered name, such as `TLS_AES_128_GCM_SHA256`, that a line may break after an underscore. */
export function CodeName({ name }: { name: string }): VNode {
  return (
    <>
      {name.split("_").map((word, index) => (
        <Fragment key={index}>
          {index === 0 ? null : (
            <>
              _<wbr />
            </>
          )}
          {word}
        </Fragment>
      ))}
    </>
  );
}

/** Plain form of {@linkcode Hostile}, for attributes and titles. */
export function hostileText(text: string, max = 200): string {
  return shorten(printable(text.slice(0, TEXT_MAX)), max);
}

/** A moment as `12 min` ago, the whole instant as title. */
export function Ago({ ms }: { ms: number }): VNode {
  const { nowMs, zone } = usePage();
  return (
    <time
      dateTime={new Date(ms).toISOString()}
      title={`${dayClock(ms, zone)} ${zoneLabel(zone)}`}
    >
      {age((nowMs - ms) / 1000)}
    </time>
  );
}

/** A moment as text of the page's zone, with the zone where `label` asks for it. */
export function Moment(
  { ms, format, label = false }: {
    ms: number;
    format: (ms: number, zone: string) => string;
    label?: boolean;
  },
): VNode {
  const { zone } = usePage();
  return (
    <time
      dateTime={new Date(ms).toISOString()}
      title={`${dayClock(ms, zone)} ${zoneLabel(zone)}`}
    >
      {format(ms, zone)}
      {label ? ` ${zoneLabel(zone)}` : ""}
    </time>
  );
}
