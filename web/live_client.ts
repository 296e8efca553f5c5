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
import { type LiveSnapshot, STALE_MS } from "./live.ts";

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

/** What the tab that reads passes on: a snapshot, or that the last one still holds. */
type News = LiveSnapshot | "alive";

function start(): void {
  if (started) return;
  started = true;
  freshMs.value = nowMs.value = Date.now();
  setInterval(() => nowMs.value = Date.now(), 1000);
  if (navigator.locks === undefined) {
    read(() => {});
    return;
  }
  const channel = new BroadcastChannel(CHANNEL);
  let leads = false;
  channel.onmessage = ({ data }: MessageEvent<News | "newest?">) => {
    if (data !== "newest?") take(data);
    else if (leads && latest.value !== undefined) {
      channel.postMessage(latest.value);
    }
  };
  channel.postMessage("newest?");
  void navigator.locks.request(CHANNEL, () => {
    leads = true;
    read((news) => channel.postMessage(news));
    return new Promise(() => {}); // held until this tab goes
  });
}

function take(news: News): void {
  if (news !== "alive") latest.value = news;
  if (latest.value?.database !== "down") freshMs.value = Date.now();
}

function read(pass: (news: News) => void): void {
  const source = new EventSource(URL_PATH);
  const hear = (news: News): void => {
    take(news);
    pass(news);
  };
  source.onmessage = ({ data }: MessageEvent<string>) => hear(JSON.parse(data));
  source.addEventListener("alive", () => hear("alive"));
  // A stream that ends comes back by itself; one that is refused does not.
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => read(pass), 5000);
  };
}
