/**
 * The threads of a capture as one: started together, stopped together, their events one stream
 * in order, their totals added up.
 *
 * @module
 */
import { FatalError } from "../lib/errors.ts";
import { mergeBytesMax } from "../lib/limits.ts";
import { Lane, type LaneOptions, type LaneReport, now } from "./lane.ts";
import type { LaneMessage, LaneOrder } from "./lane_worker.ts";
import { LineMerge } from "./line_merge.ts";
import { sumTotals, type Totals } from "./totals.ts";

/** What the threads of a capture say, but what is added up or put in order here. */
export type LanesReport = Exclude<
  LaneReport,
  { kind: "until" | "totals" }
>;

interface Member {
  run(signal: AbortSignal): Promise<void>;
  /** Ends what was not run. */
  close(): void;
}

/** One thread or several. */
export class Lanes {
  readonly #report: (report: LanesReport) => void;
  readonly #merge: LineMerge | undefined;
  readonly #totals: (Totals | undefined)[];
  readonly #state: ("closed" | "down" | "up")[];
  #members: Member[] = [];

  private constructor(count: number, report: (report: LanesReport) => void) {
    this.#report = report;
    this.#merge = count > 1 ? new LineMerge(count, mergeBytesMax) : undefined;
    this.#totals = Array(count).fill(undefined);
    this.#state = Array(count).fill("closed");
  }

  /**
   * Opens the interface in every thread.
   *
   * @throws {FatalError} as `Lane.open`.
   */
  static async open(
    facts: Omit<LaneOptions, "countsInterface" | "fanoutGroup">,
    report: (report: LanesReport) => void,
  ): Promise<Lanes> {
    const options = { ...facts, countsInterface: true };
    const { workers } = options.capture;
    const lanes = new Lanes(workers, report);
    if (workers === 1) {
      lanes.#members = [
        await Lane.open(options, (report) => lanes.#take(0, report)),
      ];
      return lanes;
    }
    // Sockets of the same group share the packets; one group a process and network namespace.
    const threads = Array.from(
      { length: workers },
      (_, index) =>
        new Thread(
          { ...options, fanoutGroup: Deno.pid & 0xffff },
          (report) => lanes.#take(index, report),
        ),
    );
    lanes.#members = threads;
    try {
      for (const thread of threads) await thread.opened;
    } catch (thrown) {
      for (const thread of threads) thread.close();
      throw thrown;
    }
    return lanes;
  }

  /** The sums of all threads; undefined before each has told its own. */
  get totals(): Totals | undefined {
    const [first, ...others] = this.#totals.filter((one) => one !== undefined);
    return first === undefined ? undefined : sumTotals([first, ...others]);
  }

  /** Whether every thread has the interface open, and whether it is up. */
  get state(): "closed" | "down" | "up" {
    if (this.#state.includes("closed")) return "closed";
    return this.#state.includes("down") ? "down" : "up";
  }

  /**
   * Captures until `signal` aborts, or a thread fails; all threads have ended then.
   *
   * @throws {FatalError} `unavailable` if a lost interface cannot be opened without root.
   */
  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const runs = this.#members.map((member) =>
      member.run(either).catch((thrown) => {
        failed.abort();
        throw thrown;
      })
    );
    const ends = await Promise.allSettled(runs);
    this.#emit(this.#merge?.finish());
    for (const end of ends) {
      if (end.status === "rejected") throw end.reason;
    }
  }

  /** Closes the interface in every thread; for what was opened and is not run. */
  close(): void {
    for (const member of this.#members) member.close();
  }

  #take(index: number, report: LaneReport): void {
    switch (report.kind) {
      case "events":
        if (this.#merge === undefined) this.#report(report);
        else this.#merge.push(index, report.lines);
        return;
      case "until":
        this.#merge?.advance(index, report.ts);
        return this.#emit(this.#merge?.take(now()));
      case "totals":
        this.#totals[index] = report.totals;
        if (this.#state[index] !== "closed") {
          this.#state[index] = report.isUp ? "up" : "down";
        }
        return;
      case "opened":
        this.#state[index] = "up";
        return this.#report(report);
      case "lost":
        this.#state[index] = "closed";
        return this.#report(report);
      default:
        this.#report(report);
    }
  }

  #emit(lines: Uint8Array<ArrayBuffer> | undefined): void {
    if (lines !== undefined) this.#report({ kind: "events", lines });
  }
}

/** A lane in a worker. */
class Thread implements Member {
  readonly #worker: Worker;
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: LaneOptions, report: (report: LaneReport) => void) {
    this.#worker = new Worker(new URL("./lane_worker.ts", import.meta.url), {
      type: "module",
    });
    // A failure is waited for in one place or the other.
    this.#opened.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
    this.#worker.addEventListener(
      "message",
      ({ data }: MessageEvent<LaneMessage>) => {
        switch (data.kind) {
          case "ready":
            return this.#opened.resolve();
          case "ended":
            return this.#ended.resolve();
          case "failed":
            return this.#fail(errorOf(data.failure));
          default:
            report(data);
        }
      },
    );
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#fail(new Error(event.message));
    });
    this.#order({ order: "open", options });
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#order({ order: "run" });
    const stop = (): void => this.#order({ order: "stop" });
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#ended.promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.close();
    }
  }

  close(): void {
    this.#worker.terminate();
  }

  #order(order: LaneOrder): void {
    this.#worker.postMessage(order);
  }

  #fail(error: Error): void {
    this.#opened.reject(error);
    this.#ended.reject(error);
  }
}

function errorOf(
  { exit, message }: { exit?: FatalError["exit"]; message: string },
): Error {
  return exit === undefined
    ? new Error(message)
    : new FatalError(exit, message);
}
