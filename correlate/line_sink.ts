/**
 * Lines to a file or to stdout, beside the database: written in the background, from a bounded
 * buffer, so that a reader who is slow costs lines (counted) and never the pipeline.
 *
 * @module
 */
import { FatalError, messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

/** Characters that may wait. */
const PENDING_MAX = 16 * 2 ** 20;

/** Where the lines go. */
interface Target {
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** See the module's comment. */
export class LineSink implements AsyncDisposable {
  /** Lines lost because nobody took them. */
  dropped = 0;
  #target: Target;
  readonly #reopen: (() => Promise<Target>) | undefined;
  readonly #log: Logger;
  #pending: string[] = [];
  #chars = 0;
  #writing: Promise<void> | undefined;
  #reopening = false;

  constructor(
    target: Target,
    log: Logger,
    reopen?: () => Promise<Target>,
  ) {
    this.#target = target;
    this.#log = log;
    this.#reopen = reopen;
  }

  /** Takes one line without its newline. */
  append(line: string): void {
    if (this.#chars > PENDING_MAX) {
      this.dropped++;
      return;
    }
    this.#pending.push(line);
    this.#chars += line.length + 1;
  }

  /** Starts to write what waits, unless that is under way. */
  flush(): void {
    if (this.#writing !== undefined) return;
    if (this.#pending.length === 0 && !this.#reopening) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      // Asked for while the last lines were on their way.
      if (this.#reopening) this.flush();
    });
  }

  /** Goes on in a new file of the same name, as log rotation wants it. */
  reopen(): void {
    this.#reopening = this.#reopen !== undefined;
    this.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#write();
    this.#target.close();
  }

  async #write(): Promise<void> {
    const lines = this.#pending;
    this.#pending = [];
    this.#chars = 0;
    try {
      if (this.#reopening && this.#reopen !== undefined) {
        const target = await this.#reopen();
        this.#target.close();
        this.#target = target;
      }
      this.#reopening = false;
      if (lines.length === 0) return;
      const bytes = new TextEncoder().encode(lines.join("\n") + "\n");
      for (let at = 0; at < bytes.length;) {
        at += await this.#target.write(bytes.subarray(at));
      }
    } catch (thrown) {
      this.dropped += lines.length;
      this.#log.error("Lines of an output are lost", {
        lines: lines.length,
        error: messageOf(thrown),
      });
    }
  }
}

/**
 * A sink that appends to a file.
 *
 * @throws {FatalError} `noPermission` or `noInput` if it cannot be opened.
 */
export async function fileSink(path: string, log: Logger): Promise<LineSink> {
  const open = (): Promise<Deno.FsFile> =>
    Deno.open(path, { create: true, append: true, mode: 0o640 });
  try {
    return new LineSink(await open(), log, open);
  } catch (thrown) {
    const denied = thrown instanceof Deno.errors.PermissionDenied ||
      thrown instanceof Deno.errors.NotCapable;
    throw new FatalError(
      denied ? "noPermission" : "noInput",
      `Cannot write "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** A sink that writes to stdout. */
export function stdoutSink(log: Logger): LineSink {
  const target: Target = {
    write: (bytes) => Deno.stdout.write(bytes),
    close: () => {},
  };
  return new LineSink(target, log);
}
