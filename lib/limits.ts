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

/** Packets fetched from libpcap at a time, with their 16-byte headers. Compiled into wasm/ja4.wasm. */
export const captureBatchBytes = 16 * 1024 * 1024;

/** Connections that the parser remembers. Compiled into wasm/ja4.wasm. */
export const flowsMax = 131_072;

/** ClientHellos in more than one segment that the parser puts together at a time. */
export const streamsMax = 2048;

/** Bytes kept of a connection until its ClientHello is whole: one record (RFC 8446, section 5.1). */
export const streamBytesMax = 5 + 2 ** 14;

/** Separate stretches of bytes kept of one such connection. */
export const streamRangesMax = 32;

/** Longest time an unfinished ClientHello is kept, microseconds. */
export const streamAgeUsMax = 30_000_000;

/** Senders of QUIC and DTLS that the parser remembers. Compiled into wasm/ja4.wasm. */
export const conversationsMax = 32_768;

/** ClientHellos of theirs that are put together at a time. */
export const messagesMax = 1024;

/** IP packets that the parser puts together of fragments at a time. Compiled into wasm/ja4.wasm. */
export const fragmentedMax = 128;

/** Longest of them, its IP header left out. */
export const fragmentedBytesMax = 65_535;

/** Separate stretches of bytes kept of one of them. */
export const fragmentedRangesMax = 64;

/** Longest time that fragments wait for others, microseconds. */
export const fragmentedAgeUsMax = 30_000_000;

/** Interfaces of one section of a pcapng file. Compiled into wasm/ja4.wasm. */
export const fileInterfacesMax = 4096;

/** Longest ClientHello message that is read, with its header. */
export const helloBytesMax = 65_536;

/** Longest line that the parser writes. */
export const handshakeEventBytesMax = 65_536;

/** Event lines that the parser hands back at a time. */
export const parserOutputBytes = 4 * 1024 * 1024;

/** Constant members of each handshake event: sensor, boot, interface. */
export const parserContextBytesMax = 2048;

/** Threads of a capture. */
export const workersMax = 64;

/** Event lines of several capture threads that wait to be put in order. */
export const mergeBytesMax = 16 * 1024 * 1024;

/** Captured packets that are written at a time as evidence, but one packet at least. */
export const evidencePieceBytes = 256 * 1024;

/** Captured packets that wait for the disk. */
export const evidenceBacklogBytes = 32 * 1024 * 1024;

/** Smallest and default size of a file of evidence, and how many there are by default. */
export const evidenceFileBytesMin = 1024 * 1024;
export const evidenceFileBytes = 64 * 1024 * 1024;
export const evidenceFiles = 16;

/** Linear memory of one parser, tables and buffers and all: it never grows. In wasm/ja4.wasm. */
export const parserMemoryBytes = 160 * 1024 * 1024;

/** Rows of one insert into ClickHouse. */
export const insertRowsMax = 20_000;

invariant(
  requestEventBytesMax <= eventBytesMax,
  "a request event must fit one line",
);
invariant(
  handshakeEventBytesMax <= eventBytesMax,
  "a handshake event must fit one line",
);
invariant(
  16 + snapLength <= captureBatchBytes,
  "a packet of full length must fit a batch",
);
invariant(
  2 * evidencePieceBytes <= evidenceFileBytesMin &&
    evidencePieceBytes <= evidenceBacklogBytes,
  "a piece of evidence must fit a file beside its head, and its backlog",
);
invariant(
  captureBatchBytes + parserOutputBytes +
      (streamsMax + messagesMax) * streamBytesMax +
      fragmentedMax * fragmentedBytesMax <= parserMemoryBytes / 2,
  "what is kept of packets leaves the parser's memory no place for its tables",
);
