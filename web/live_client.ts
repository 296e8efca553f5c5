/**
 * Live numbers in the browser: one EventSource for all tabs. HTTP/1.1 gives a browser six
 * connections to a host, so that with a stream a tab the seventh tab would never load.
 *
 * The tab that holds the lock reads the stream and passes everything on over a BroadcastChannel;
 * when it goes, the lock and with it the work fall to another. Where the browser has no locks (they
 * need TLS or loopback) each tab reads for itself.
 *
 * @module
 */
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { here } from "./here.ts";
import { type LiveBatch, type LiveSnapshot, STALE_MS } from "./live.ts";

const URL_PATH = "/api/v1/events";
const CHANNEL = "ja4-live";

const latest = signal<LiveSnapshot | undefined>(undefined);
/** When the numbers were last known to hold, and now; milliseconds since the epoch. */
const freshMs = signal(0);
const nowMs = signal(0);
let started = false;

/** Why numbers stand still, and for how many seconds. */
export interface Staleness {
  readonly cause: "database" | "stream";
  readonly seconds: number;
}

const staleness = computed((): Staleness | undefined => {
  const silentMs = Math.max(0, nowMs.value - freshMs.value);
  const seconds = Math.round(silentMs / 1000);
  if (latest.value?.database === "down") return { cause: "database", seconds };
  return silentMs > STALE_MS ? { cause: "stream", seconds } : undefined;
});

/** Undefined while the numbers are live. For islands. */
export function useStaleness(): ReadonlySignal<Staleness | undefined> {
  useEffect(start, []);
  return staleness;
}

/** The newest snapshot; undefined on the server and until the first arrives. For islands. */
export function useLive(): ReadonlySignal<LiveSnapshot | undefined> {
  useEffect(start, []);
  return latest;
}

/** What the tab that reads passes on: a snapshot, requests, or that the last snapshot still holds. */
type News = LiveSnapshot | LiveBatch | "alive";
/** What a tab asks of the one that reads. */
type Wish = "newest?" | "requests?";

/** Milliseconds between two times that a tab says it wants requests, and after which it no longer does. */
const WISH_MS = 4000;
const WISH_ENDS_MS = 10_000;

const listeners = new Set<(batch: LiveBatch) => void>();
let channel: BroadcastChannel | undefined;
/** Reads while this tab is the one that does. */
let reader: Reader | undefined;
let wishing: ReturnType<typeof setInterval> | undefined;

/** Has `listener` hear of every request, until what is returned is called. For islands. */
export function followRequests(
  listener: (batch: LiveBatch) => void,
): () => void {
  start();
  listeners.add(listener);
  wish();
  wishing ??= setInterval(wish, WISH_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(wishing);
    wishing = undefined;
  };
}

function wish(): void {
  reader?.wishRequests();
  channel?.postMessage("requests?" satisfies Wish);
}

function start(): void {
  if (started) return;
  started = true;
  freshMs.value = nowMs.value = Date.now();
  setInterval(() => {
    nowMs.value = Date.now();
    reader?.tick();
  }, 1000);
  if (navigator.locks === undefined) {
    reader = new Reader(() => {});
    return;
  }
  const news = channel = new BroadcastChannel(CHANNEL);
  news.onmessage = ({ data }: MessageEvent<News | Wish>) => {
    if (data === "requests?") reader?.wishRequests();
    else if (data !== "newest?") take(data);
    else if (reader !== undefined && latest.value !== undefined) {
      news.postMessage(latest.value);
    }
  };
  news.postMessage("newest?" satisfies Wish);
  void navigator.locks.request(CHANNEL, () => {
    reader = new Reader((one) => news.postMessage(one));
    if (listeners.size > 0) reader.wishRequests();
    return new Promise(() => {}); // held until this tab goes
  });
}

function take(news: News): void {
  if (news === "alive") {
    if (latest.value?.database !== "down") freshMs.value = Date.now();
  } else if ("rows" in news) {
    freshMs.value = Date.now();
    for (const listener of listeners) listener(news);
  } else {
    latest.value = news;
    if (news.database !== "down") freshMs.value = Date.now();
  }
}

/** The one stream of this browser; with requests while a tab of it wants them. */
class Reader {
  readonly #pass: (news: News) => void;
  #source: EventSource | undefined;
  #withRequests = false;
  #wishedMs = -Infinity;

  constructor(pass: (news: News) => void) {
    this.#pass = pass;
    this.#open();
  }

  wishRequests(): void {
    this.#wishedMs = performance.now();
    if (!this.#withRequests) this.#open();
  }

  /** Once a second: nobody may want requests any more. */
  tick(): void {
    if (this.#withRequests && !this.#wished()) this.#open();
  }

  #wished(): boolean {
    return performance.now() - this.#wishedMs < WISH_ENDS_MS;
  }

  #open(): void {
    this.#source?.close();
    this.#withRequests = this.#wished();
    const source = new EventSource(
      here(this.#withRequests ? `${URL_PATH}?requests=1` : URL_PATH),
    );
    this.#source = source;
    const hear = (news: News): void => {
      take(news);
      this.#pass(news);
    };
    source.onmessage = ({ data }: MessageEvent<string>) =>
      hear(JSON.parse(data));
    source.addEventListener(
      "requests",
      ({ data }: MessageEvent<string>) => hear(JSON.parse(data)),
    );
    source.addEventListener("alive", () => hear("alive"));
    // A stream that ends comes back by itself; one that is refused does not.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => {
        if (this.#source === source) this.#open();
      }, 5000);
    };
  }
}
