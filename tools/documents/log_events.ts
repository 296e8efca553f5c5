/** docs/log-events.md, from the calls of the logger in the sources. @module */
import { fileURLToPath } from "node:url";
import { cell, generatedFrom } from "./markdown.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["capture", "correlate", "detect", "web", "ctl", "lib"];

/** One message. */
export interface LogEvent {
  readonly component: string;
  readonly level: string;
  readonly message: string;
  /** Names of its fields, as far as they stand beside it. */
  readonly fields: readonly string[];
}

/** A call with a constant message: level, message, what follows up to the fields' end. */
const CALL =
  /\blog(?:Of\([^)]*\))?\s*\??\.(debug|info|warn|error)\(\s*"((?:[^"\\]|\\.)*)"\s*(?:,\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\})?/g;
/** The same with a logger that is a field. */
const LEVELS: Readonly<Record<string, string>> = { warn: "warning" };

/** Messages of a source. */
export function logEventsOf(component: string, source: string): LogEvent[] {
  return [...source.matchAll(CALL)].map((
    [, level = "", message = "", fields = ""],
  ) => ({
    component,
    level: LEVELS[level] ?? level,
    message,
    fields: fields.replaceAll(/\{[^{}]*\}|\([^()]*\)/g, "").split(",")
      .map((field) => /^\s*([a-z_]\w*)\s*(?::|$)/.exec(field)?.[1])
      .filter((name) => name !== undefined),
  }));
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      if (name !== "_fresh" && name !== "static") yield* sources(path);
    } else if (/\.tsx?$/.test(name) && !/_test\.tsx?$/.test(name)) yield path;
  }
}

/** Every message of the programs, sorted. */
export async function readLogEvents(): Promise<LogEvent[]> {
  const found: LogEvent[] = [];
  for (const folder of FOLDERS) {
    const component = folder === "lib"
      ? "every part"
      : folder === "ctl"
      ? "up, metrics"
      : folder;
    for await (const path of sources(ROOT + folder)) {
      found.push(...logEventsOf(component, await Deno.readTextFile(path)));
    }
  }
  const key = ({ component, message }: LogEvent): string =>
    `${component} ${message}`;
  const unique = new Map(found.map((event) => [key(event), event]));
  return [...unique.values()].sort((a, b) => key(a) < key(b) ? -1 : 1);
}

/** The page. */
export function logEventReference(events: readonly LogEvent[]): string {
  return `# Log events

${generatedFrom("the calls of the logger in the sources")}

One JSON object a line on stderr: \`ts\`, \`level\`, \`component\`, \`message\` and the fields of the event. A message is a
constant text, so that a search or a rule finds all of its kind; what a client sent is in fields alone, with control
characters made visible. Under systemd each line has its priority (\`journalctl -p warning -u 'ja4-*'\`).
Levels go by consequence: **warning**, nothing is lost; **error**, something is lost or a person must act.
${
    [...Map.groupBy(events, ({ component }) => component)].map((
      [component, own],
    ) => `
## ${component}

| level | message | fields |
|---|---|---|
${
      own.map(({ level, message, fields }) =>
        `| ${level} | ${cell(message)} | ${
          fields.map((name) => `\`${name}\``).join(" ")
        } |`
      ).join("\n")
    }
`).join("")
  }`;
}
