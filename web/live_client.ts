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
import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { LiveSnapshot } from "./live.ts";

const URL_PATH = "/api/v1/events";
const CHANNEL = "ja4-live";

const latest = signal<LiveSnapshot | undefined>(undefined);
let started = false;

/** The newest snapshot; undefined on the server and until the first arrives. For islands. */
export function useLive(): ReadonlySignal<LiveSnapshot | undefined> {
  useEffect(start, []);
  return latest;
}

function start(): void {
  if (started) return;
  started = true;
  if (navigator.locks === undefined) {
    read(() => {});
    return;
  }
  const channel = new BroadcastChannel(CHANNEL);
  let leads = false;
  channel.onmessage = ({ data }: MessageEvent<LiveSnapshot | "newest?">) => {
    if (data !== "newest?") latest.value = data;
    else if (leads && latest.value !== undefined) {
      channel.postMessage(latest.value);
    }
  };
  channel.postMessage("newest?");
  void navigator.locks.request(CHANNEL, () => {
    leads = true;
    read((snapshot) => channel.postMessage(snapshot));
    return new Promise(() => {}); // held until this tab goes
  });
}

function read(pass: (snapshot: LiveSnapshot) => void): void {
  const source = new EventSource(URL_PATH);
  source.onmessage = ({ data }: MessageEvent<string>) => {
    const snapshot: LiveSnapshot = JSON.parse(data);
    latest.value = snapshot;
    pass(snapshot);
  };
  // A stream that ends comes back by itself; one that is refused does not.
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => read(pass), 5000);
  };
}
