/**
 * Progress on a terminal: a line for each step with its seconds, and one live line at the bottom.
 * Where stderr is no terminal there is no live line and nothing is rewritten.
 *
 * @module
 */
import { styleText } from "node:util";

/** Width of a step's name, so that the seconds stand in a column. */
const NAME_COLUMNS = 44;
const REDRAW_MS = 100;

/** Where the lines go; a test gives its own. */
export interface Terminal {
  /** Whether lines can be rewritten and coloured. */
  readonly live: boolean;
  write(text: string): void;
  /** Width in characters. */
  columns(): number;
}

/** Standard error of this process. */
export function standardError(): Terminal {
  const encoder = new TextEncoder();
  const live = Deno.stderr.isTerminal();
  return {
    live,
    write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
    // A terminal that does not know its size says 0.
    columns: () => live && Deno.consoleSize().columns || 80,
  };
}

/** Prints steps and a live line; they never overwrite one another. */
export class Progress implements Disposable {
  readonly #terminal: Terminal;
  /** Names of the steps under way and when they began (monotonic milliseconds). */
  readonly #running = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #pulse: () => string = () => "";
  #drawn = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    if (terminal.live) {
      this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    }
  }

  /** Runs `work`; prints its name with a check mark and its seconds when done, a cross if it throws. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    this.#running.set(name, startedMs);
    this.#draw();
    let done = false;
    try {
      const result = await work();
      done = true;
      return result;
    } finally {
      this.#running.delete(name);
      const mark = done ? this.#style("green", "✓") : this.#style("red", "✗");
      this.line(`  ${mark} ${name.padEnd(NAME_COLUMNS)} ${seconds(startedMs)}`);
    }
  }

  /** Prints a line above the live one. */
  line(text = ""): void {
    this.#clear();
    this.#terminal.write(`${text}\n`);
    this.#draw();
  }

  /** Prints something that is not as it should be, but no reason to stop. */
  warn(text: string): void {
    this.line(`  ${this.#style("yellow", "!")} ${text}`);
  }

  bold(text: string): string {
    return this.#style("bold", text);
  }

  dim(text: string): string {
    return this.#style("dim", text);
  }

  /** Shows `text()` as the live line from now on, while no step is under way. */
  pulse(text: () => string): void {
    this.#pulse = text;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #draw(): void {
    if (!this.#terminal.live) return;
    const steps = [...this.#running].map(([name, sinceMs]) =>
      `${name} ${seconds(sinceMs)}`
    );
    const text = steps.length > 0 ? `  · ${steps.join(", ")}` : this.#pulse();
    const fitting = text.slice(0, this.#terminal.columns() - 1);
    if (fitting === this.#drawn) return;
    this.#clear();
    this.#terminal.write(fitting);
    this.#drawn = fitting;
  }

  #clear(): void {
    if (this.#drawn === "") return;
    this.#terminal.write("\r\x1b[2K");
    this.#drawn = "";
  }

  #style(
    style: "green" | "red" | "yellow" | "bold" | "dim",
    text: string,
  ): string {
    return this.#terminal.live
      ? styleText(style, text, { validateStream: false })
      : text;
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`.padStart(7);
}
