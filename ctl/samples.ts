/** The text that Prometheus reads (exposition format 0.0.4), taken apart. @module */

/** One value of a metric. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a metric is, and its values. */
export interface Family {
  readonly name: string;
  readonly help: string;
  /** `counter`, `gauge`, `histogram`, ... */
  readonly type: string;
  readonly samples: readonly Sample[];
}

/** A sample's line: name, labels between braces, value. */
const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([A-Za-z_]\w*)="((?:\\.|[^"\\])*)"/g;

/** The metrics of a text, in its order. A line that is none is passed over. */
export function parseMetrics(text: string): Family[] {
  const families: { -readonly [Key in keyof Family]: Family[Key] }[] = [];
  let samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, kind, name = "", rest = ""] =
      /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      let family = families.at(-1);
      if (family?.name !== name) {
        samples = [];
        family = { name, help: "", type: "untyped", samples };
        families.push(family);
      }
      if (kind === "HELP") family.help = rest;
      else family.type = rest;
      continue;
    }
    const found = LINE.exec(line);
    if (found === null) continue;
    const labels = [...(found[2] ?? "").matchAll(LABEL)].map((
      [, key = "", value = ""],
    ) => [key, unescaped(value)]);
    samples.push({
      name: found[1] ?? "",
      labels: Object.fromEntries(labels),
      value: Number(found[3]),
    });
  }
  return families;
}

function unescaped(value: string): string {
  return value.replaceAll(
    /\\(.)/g,
    (_, next: string) => next === "n" ? "\n" : next,
  );
}

/** A sample as its line. */
export function sampleLine({ name, labels, value }: Sample): string {
  const text = Object.entries(labels).map(([key, of]) =>
    `${key}="${
      of.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    }"`
  ).join(",");
  const shown = value === Infinity
    ? "+Inf"
    : value === -Infinity
    ? "-Inf"
    : String(value);
  return `${name}${text === "" ? "" : `{${text}}`} ${shown}`;
}

/** Sum of a metric's values, of those that have the labels; undefined if there is none. */
export function sumOf(
  families: readonly Family[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = families.flatMap(({ samples }) => samples).filter((sample) =>
    sample.name === name &&
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
  );
  return found.length === 0
    ? undefined
    : found.reduce((sum, { value }) => sum + value, 0);
}
