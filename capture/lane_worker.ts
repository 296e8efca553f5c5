/**
 * A lane in a thread of its own. It is sent its options, says "ready" or why not, begins when it
 * is sent "run", and drains when it is sent "stop".
 *
 * @module
 */
/// <reference lib="deno.worker" />
import {
  failureOf,
  Lane,
  type LaneFailure,
  type LaneOptions,
  type LaneReport,
} from "./lane.ts";

/** What the main thread sends. */
export type LaneOrder =
  | { readonly order: "open"; readonly options: LaneOptions }
  | { readonly order: "run" }
  | { readonly order: "stop" };

/** What the thread sends. */
export type LaneMessage =
  | LaneReport
  | { readonly kind: "ready" }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly failure: LaneFailure };

const worker = self as unknown as DedicatedWorkerGlobalScope;
const stopping = new AbortController();
let lane: Lane | undefined;

worker.addEventListener("message", ({ data }: MessageEvent<LaneOrder>) => {
  obey(data).catch((thrown) =>
    send({ kind: "failed", failure: failureOf(thrown) })
  );
});

async function obey(order: LaneOrder): Promise<void> {
  switch (order.order) {
    case "open":
      lane = await Lane.open(order.options, send);
      return send({ kind: "ready" });
    case "run":
      await lane?.run(stopping.signal);
      return send({ kind: "ended" });
    case "stop":
      return stopping.abort();
  }
}

/** Nothing is copied that only this thread has. */
function send(message: LaneMessage): void {
  const transfer = message.kind === "events"
    ? [message.lines.buffer]
    : message.kind === "packets"
    ? message.pieces.map(({ bytes }) => bytes.buffer)
    : [];
  worker.postMessage(message, transfer);
}
