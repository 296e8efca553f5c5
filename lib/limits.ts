/**
 * Every bound of every buffer, table and queue that the network can fill, in one place, with the
 * sums they must respect checked at start. Bytes unless the name says otherwise.
 *
 * @module
 */
import { invariant } from "./invariant.ts";

/** Longest NDJSON line or datagram that is read as one event. */
export const eventBytesMax = 64 * 1024;

/** Bytes kept of one HTTP request event from the web server (`JsonSockLogMaxEventSize` at most). */
export const requestEventBytesMax = 65_536;

/** Largest packet kept by live capture: a full 16 KiB TLS record and its headers. */
export const snapLength = 16_640;

/** Bytes of libpcap's kernel ring buffer. */
export const captureRingBytes = 16 * 1024 * 1024;

/** Rows of one insert into ClickHouse. */
export const insertRowsMax = 20_000;

invariant(
  requestEventBytesMax <= eventBytesMax,
  "a request event must fit one line",
);
