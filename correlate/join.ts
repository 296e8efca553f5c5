/**
 * HandshakeEvents and RequestEvents in, each request once with its handshake or the reason why it
 * has none out. The rules are those of docs/correlation.md.
 *
 * No I/O and no clock: the caller says what time it is with {@linkcode Join.advance}. Waiting is
 * measured on that (monotonic) clock, matching compares the events' own times, so that neither a
 * stopped input nor a stepped clock leaves a request unanswered.
 *
 * @module
 */
import type {
  ConnectionEndEvent,
  HandshakeEvent,
  OrphanReason,
  RequestEvent,
} from "../lib/events.ts";
import { readIp } from "../lib/ip.ts";
import type { NetworkSet } from "../lib/ip_filter.ts";
import { forwardedClient } from "./client_address.ts";
import {
  ConnectionTable,
  NO_CONN,
  type Pressure,
  STATE,
} from "./connection_table.ts";
import { HoldQueue } from "./hold_queue.ts";
import type { SavedHandshake } from "./join_snapshot.ts";
import { KEY_WORDS, type KeyWords } from "./key_index.ts";
import { RecentKeys } from "./recent_keys.ts";
import { SequenceTracker } from "./sequence.ts";
import { SharedValues } from "./shared_values.ts";

/** Settings of {@linkcode Join}. Durations are milliseconds. */
export interface JoinOptions {
  /** What identifies a connection: the client's end, or that and the server's port. */
  readonly key: "src" | "src_dest_port";
  /** How many requests one handshake answers for. */
  readonly cardinality: "one_to_many" | "one_to_one";
  /** Window match: how far the hello's time may lie behind the request's. */
  readonly skewMs: number;
  /** Connection match: how far the hello may precede the accept. Linux accepts once data is there. */
  readonly acceptDelayMs: number;
  /** Connection match: how far the hello may follow the accept. */
  readonly helloMaxDelayMs: number;
  /** How long a request waits for a handshake that is still on its way. */
  readonly httpHoldMs: number;
  /** Window match: longest pause between two requests of a connection. */
  readonly keepaliveTtlMs: number;
  /** Connection match: a handshake without requests for so long is forgotten. */
  readonly connTtlMs: number;
  /** How long the handshake of an ended connection stays, for requests logged late. */
  readonly lingerMs: number;
  /** A handshake without a request for so long is written as `tls_only`. */
  readonly tlsOrphanAfterMs: number;
  /** A sensor silent for so long is down, and requests do not wait for it. */
  readonly captureTimeoutMs: number;
  /** A request that ended longer ago does not wait. */
  readonly maxLatenessMs: number;
  readonly emitHttpOrphans: boolean;
  readonly emitTlsOrphans: boolean;
  readonly maxTls: number;
  readonly maxPendingHttp: number;
  /** Bytes of event text that handshakes may hold. */
  readonly maxBytes: number;
  /** Handshakes held per IPv4 address or IPv6 /64. */
  readonly perSourceMax: number;
  readonly trustedProxies: NetworkSet;
  /** Clients whose events are discarded. */
  readonly exclude: NetworkSet;
  /** Seeds the hash, since clients choose the keys. */
  readonly seed: number;
}

/** One row to be. */
export type Joined =
  | {
    readonly match: "conn" | "window";
    readonly request: RequestEvent;
    readonly handshake: HandshakeEvent;
  }
  | {
    readonly match: "none";
    readonly request: RequestEvent;
    readonly reason: OrphanReason;
  }
  | { readonly match: "tls_only"; readonly handshake: HandshakeEvent };

/** Totals since the start. requests = matched + orphans + discarded + held. */
export interface JoinCounts {
  requests: number;
  handshakes: number;
  connectionEnds: number;
  readonly matched: { conn: number; window: number };
  readonly orphans: Record<OrphanReason, number>;
  tlsOnly: number;
  /** Requests that left no row, by reason; `muted` are orphans with `emit_http_orphans = false`. */
  readonly requestsDiscarded: {
    duplicate: number;
    excluded: number;
    muted: number;
  };
  /** Handshakes that were not taken in; `repeated` are retransmissions and second hellos. */
  readonly handshakesDiscarded: {
    duplicate: number;
    excluded: number;
    repeated: number;
  };
  /** Handshakes removed before their time, by the bound that asked for it. */
  readonly evicted: Record<Pressure, number>;
}

/** Transports share addresses and ports without sharing connections. */
const TRANSPORT = { tcp: 0, quic: 1, dtls: 2 } as const;
/** Removals per list in one call of advance: bounds how long it takes. */
const EXPIRE_AT_ONCE = 4096;
/** The wall clock moved against the monotonic one by more than this: it was stepped. */
const CLOCK_STEP_MS = 1000;
/** Two hellos without a random that look alike within this time are one. */
const REPEAT_MS = 1000;

/** See the module's comment. */
export class Join {
  readonly counts: JoinCounts = {
    requests: 0,
    handshakes: 0,
    connectionEnds: 0,
    matched: { conn: 0, window: 0 },
    orphans: {
      no_hello: 0,
      plaintext: 0,
      capture_down: 0,
      tls_evicted: 0,
      upstream_tls: 0,
      late: 0,
      shutdown: 0,
    },
    tlsOnly: 0,
    requestsDiscarded: { duplicate: 0, excluded: 0, muted: 0 },
    handshakesDiscarded: { duplicate: 0, excluded: 0, repeated: 0 },
    evicted: { capacity: 0, source_quota: 0, generations: 0 },
  };
  readonly #options: JoinOptions;
  readonly #emit: (joined: Joined, waitedMs: number) => void;
  readonly #table: ConnectionTable;
  readonly #holds: HoldQueue;
  readonly #evicted: RecentKeys;
  readonly #shared = new SharedValues();
  readonly #requestSeqs = new SequenceTracker();
  readonly #handshakeSeqs = new SequenceTracker();
  readonly #key: KeyWords = new Uint32Array(KEY_WORDS);
  #nowMs = 0;
  #wallUs: number | undefined;
  /** Wall minus monotonic clock at the last call of advance. */
  #offsetMs: number | undefined;
  /** Until then event times are not compared, as some are from before the step. */
  #steppedUntilMs = -Infinity;
  #captureHeardMs: number | undefined;

  /** `emit` takes each row, and how long its request waited for a handshake. */
  constructor(
    options: JoinOptions,
    emit: (joined: Joined, waitedMs: number) => void,
  ) {
    this.#options = options;
    this.#emit = emit;
    this.#table = new ConnectionTable({
      entriesMax: options.maxTls,
      perSourceMax: options.perSourceMax,
      bytesMax: options.maxBytes,
    }, options.seed);
    this.#holds = new HoldQueue(options.maxPendingHttp, options.seed);
    this.#evicted = new RecentKeys(options.seed);
  }

  /** Requests that wait. */
  get requestsHeld(): number {
    return this.#holds.size;
  }

  /** Handshakes that requests can still match. */
  get handshakesHeld(): number {
    return this.#table.size;
  }

  /** Event text of those, bytes. */
  get bytesHeld(): number {
    return this.#table.bytes;
  }

  /** Events that producers numbered and that never came. */
  get lost(): { readonly requests: number; readonly handshakes: number } {
    return {
      requests: this.#requestSeqs.missing,
      handshakes: this.#handshakeSeqs.missing,
    };
  }

  /** Whether a sensor was heard within `captureTimeoutMs`. */
  get captureUp(): boolean {
    return this.#captureHeardMs !== undefined &&
      this.#nowMs - this.#captureHeardMs <= this.#options.captureTimeoutMs;
  }

  /**
   * Tells the time and lets go what has waited long enough. `nowMs` never decreases; `wallUs` is
   * left out where events are older than today, as in a file.
   */
  advance(nowMs: number, wallUs?: number): void {
    this.#nowMs = nowMs;
    this.#captureHeardMs ??= nowMs;
    this.#wallUs = wallUs;
    if (wallUs !== undefined) {
      const offset = wallUs / 1000 - nowMs;
      if (
        this.#offsetMs !== undefined &&
        Math.abs(offset - this.#offsetMs) > CLOCK_STEP_MS
      ) this.#steppedUntilMs = nowMs + this.#options.helloMaxDelayMs;
      this.#offsetMs = offset;
    }
    this.#expireHolds();
    this.#expireHandshakes();
  }

  /** A sensor said that it lives. */
  stats(): void {
    this.#captureHeardMs = this.#nowMs;
  }

  /** Takes a handshake. `bytes` is what it counts against `maxBytes`. */
  handshake(event: HandshakeEvent, bytes: number): void {
    const { counts } = this;
    counts.handshakes++;
    this.#captureHeardMs = this.#nowMs;
    if (this.#options.exclude.has(event.src_ip)) {
      counts.handshakesDiscarded.excluded++;
      return;
    }
    const sensor = `${event.boot} ${event.sensor}`;
    if (!this.#handshakeSeqs.isNew(sensor, event.seq, event.ts)) {
      counts.handshakesDiscarded.duplicate++;
      return;
    }
    this.#setKey(event, TRANSPORT[event.transport] ?? TRANSPORT.tcp);
    const newest = this.#table.newest(this.#key);
    if (newest >= 0 && this.#isRepeat(newest, event)) {
      counts.handshakesDiscarded.repeated++;
      const held = this.#table.hello(newest);
      if (held.status !== "complete" && event.status === "complete") {
        this.#table.replace(newest, event);
      }
      return;
    }
    this.#shared.share(event);
    this.#makeRoom(bytes);
    this.#table.open(this.#key, event, { bytes, nowMs: this.#nowMs });
    this.#releaseHolds();
  }

  /** Takes a request: its row comes now or, if it has to wait, from a later call. */
  request(received: RequestEvent): void {
    const { counts } = this;
    counts.requests++;
    if (this.#options.exclude.has(received.src_ip)) {
      counts.requestsDiscarded.excluded++;
      return;
    }
    if (!this.#isNewOf(received, endOf(received))) {
      counts.requestsDiscarded.duplicate++;
      return;
    }
    const request = this.#withClient(received);
    this.#setKey(request, request.http_version === "3" ? TRANSPORT.quic : 0);
    if (this.#match(request, 0)) return;
    const reason = this.#reasonNow(request);
    if (reason !== undefined) return this.#orphan(request, reason, 0);
    if (this.#holds.full) this.#expireHold(this.#holds.oldest);
    // The key may be that of the expired one by now.
    this.#setKey(request, request.http_version === "3" ? TRANSPORT.quic : 0);
    this.#holds.add(this.#key, request, this.#nowMs);
  }

  /** The web server closed a connection. */
  connectionEnd(event: ConnectionEndEvent): void {
    this.counts.connectionEnds++;
    if (!this.#isNewOf(event, event.ts)) return;
    this.#setKey(event, TRANSPORT.tcp);
    const table = this.#table;
    let entry = table.newest(this.#key);
    while (entry >= 0 && table.conn(entry) !== event.conn) {
      entry = table.older(entry);
    }
    if (entry >= 0) table.move(entry, STATE.closing, this.#nowMs);
  }

  /**
   * Ends: everything that waits gets its row. `reason` is `shutdown` when a live process stops; an
   * input that has ended leaves it out, and requests get the reason that waiting would have shown.
   */
  finish(reason?: "shutdown"): void {
    while (this.#holds.size > 0) this.#expireHold(this.#holds.oldest, reason);
    for (let entry; (entry = this.#table.oldest(STATE.fresh)) >= 0;) {
      this.#tlsOnly(this.#table.hello(entry));
      this.#table.move(entry, STATE.lone, this.#nowMs);
    }
  }

  /** The handshakes that a later process can give to {@linkcode Join.restore}. */
  *save(): Generator<SavedHandshake> {
    const table = this.#table;
    for (const state of Object.values(STATE)) {
      for (const entry of table.entries(state)) {
        const hello = table.hello(entry);
        yield {
          state,
          conn: table.conn(entry),
          activity_ms: (table.activityTs(entry) - hello.ts) / 1000,
          idle_ms: table.idleMs(entry, this.#nowMs),
          bytes: table.bytesOf(entry),
          hello,
        };
      }
    }
  }

  /**
   * Takes handshakes that an earlier process saved `ageMs` ago; those that find no room are left
   * out. For the start: returns how many were taken.
   */
  restore(saved: readonly SavedHandshake[], ageMs: number): number {
    const table = this.#table;
    const taken: { entry: number; saved: SavedHandshake }[] = [];
    // Those of one key have to come in the order of their hellos.
    for (const one of saved.toSorted((a, b) => a.hello.ts - b.hello.ts)) {
      const { hello, bytes, conn, activity_ms } = one;
      if (this.#options.exclude.has(hello.src_ip)) continue;
      this.#setKey(hello, TRANSPORT[hello.transport] ?? TRANSPORT.tcp);
      if (table.victim(this.#key, bytes) !== undefined) continue;
      this.#shared.share(hello);
      const entry = table.open(this.#key, hello, { bytes, nowMs: this.#nowMs });
      table.own(entry, conn);
      table.noteActivity(entry, hello.ts + activity_ms * 1000);
      taken.push({ entry, saved: one });
    }
    // Each list is in the order of touch.
    taken.sort((a, b) => b.saved.idle_ms - a.saved.idle_ms);
    for (const { entry, saved: { state, idle_ms } } of taken) {
      table.move(entry, state, this.#nowMs - idle_ms - ageMs);
    }
    return taken.length;
  }

  #setKey(
    event: RequestEvent | HandshakeEvent | ConnectionEndEvent,
    transport: number,
  ): void {
    const key = this.#key;
    readIp(event.src_ip, key, 0);
    key[4] = this.#options.key === "src"
      ? event.src_port
      : (event.src_port << 16 | event.dest_port) >>> 0;
    key[5] = transport;
  }

  #isNewOf(event: RequestEvent | ConnectionEndEvent, ts: number): boolean {
    return event.pid === undefined || event.seq === undefined ||
      this.#requestSeqs.isNew(event.pid, event.seq, ts);
  }

  #withClient(request: RequestEvent): RequestEvent {
    if (request.client_ip !== undefined) return request;
    const client_ip = forwardedClient(request, this.#options.trustedProxies);
    return client_ip === undefined
      ? request
      : { ...request, client_ip, client_ip_source: "x_forwarded_for" };
  }

  /**
   * A retransmitted hello, or the second one after a HelloRetryRequest, which carries the first
   * one's random (RFC 8446, section 4.1.2).
   */
  #isRepeat(entry: number, event: HandshakeEvent): boolean {
    const held = this.#table.hello(entry);
    const random = event.client_random_hash;
    if (random !== undefined && held.client_random_hash !== undefined) {
      return random === held.client_random_hash;
    }
    return this.#table.state(entry) === STATE.fresh &&
      event.ja4_ro !== undefined && event.ja4_ro === held.ja4_ro &&
      Math.abs(event.ts - held.ts) <= REPEAT_MS * 1000;
  }

  #makeRoom(bytes: number): void {
    for (let n = 0; n < 64; n++) {
      const victim = this.#table.victim(this.#key, bytes);
      if (victim === undefined) return;
      this.#evict(victim.entry, victim.pressure);
    }
  }

  #evict(entry: number, pressure: Pressure): void {
    this.counts.evicted[pressure]++;
    const key = new Uint32Array(KEY_WORDS);
    this.#table.keyOf(entry, key);
    if (pressure !== "generations") this.#evicted.add(key, this.#nowMs);
    if (this.#table.state(entry) === STATE.fresh) {
      this.#tlsOnly(this.#table.hello(entry));
    }
    this.#table.remove(entry);
  }

  /** Emits the request if a handshake of the current key answers for it. */
  #match(request: RequestEvent, waitedMs: number): boolean {
    const table = this.#table;
    let match: "conn" | "window" = "conn";
    let entry = this.#findOwned(request);
    if (entry >= 0) {
      // The first request of this connection may have been matched by a window.
      if (table.state(entry) === STATE.window) match = "window";
    } else {
      entry = this.#findUnowned(request);
      if (entry < 0) return false;
      if (request.conn_ts === undefined) match = "window";
    }
    if (request.conn !== undefined) table.own(entry, request.conn);
    table.noteActivity(entry, request.ts);
    const known = table.state(entry);
    if (known !== STATE.closing) {
      const state = known === STATE.conn ? STATE.conn : STATE[match];
      table.move(entry, state, this.#nowMs);
    }
    this.counts.matched[match]++;
    this.#emit({ match, request, handshake: table.hello(entry) }, waitedMs);
    return true;
  }

  /** The handshake that an earlier request of the same connection found, or -1. */
  #findOwned({ conn }: RequestEvent): number {
    if (conn === undefined || this.#options.cardinality === "one_to_one") {
      return -1;
    }
    let entry = this.#table.newest(this.#key);
    while (entry >= 0 && this.#table.conn(entry) !== conn) {
      entry = this.#table.older(entry);
    }
    return entry;
  }

  /** The newest handshake at the right time that belongs to no other connection, or -1. */
  #findUnowned({ conn, conn_ts, ts }: RequestEvent): number {
    const table = this.#table;
    const single = this.#options.cardinality === "one_to_one";
    let entry = table.newest(this.#key);
    for (; entry >= 0; entry = table.older(entry)) {
      if (conn !== undefined && table.conn(entry) !== NO_CONN) continue;
      if (single && table.state(entry) > STATE.lone) continue;
      const fits = conn_ts === undefined
        ? this.#inWindow(entry, ts)
        : this.#afterAccept(entry, conn_ts);
      if (fits) return entry;
    }
    return -1;
  }

  /** Connection match: the hello came with the accept, a little before or after it. */
  #afterAccept(entry: number, connTs: number): boolean {
    const { acceptDelayMs, helloMaxDelayMs } = this.#options;
    if (this.#nowMs < this.#steppedUntilMs) {
      return this.#table.idleMs(entry, this.#nowMs) <=
        acceptDelayMs + helloMaxDelayMs;
    }
    const after = this.#table.hello(entry).ts - connTs;
    return after >= -acceptDelayMs * 1000 && after <= helloMaxDelayMs * 1000;
  }

  /** Window match: the hello came before the request, the last request not too long ago. */
  #inWindow(entry: number, ts: number): boolean {
    const { skewMs, keepaliveTtlMs } = this.#options;
    if (this.#nowMs < this.#steppedUntilMs) {
      return this.#table.idleMs(entry, this.#nowMs) <= keepaliveTtlMs;
    }
    return this.#table.hello(entry).ts <= ts + skewMs * 1000 &&
      ts - this.#table.activityTs(entry) <= keepaliveTtlMs * 1000;
  }

  /** Why waiting cannot help; undefined if it can. */
  #reasonNow(request: RequestEvent): OrphanReason | undefined {
    if (request.url_scheme === "http") {
      return this.#isBehindProxy(request) ? "upstream_tls" : "plaintext";
    }
    if (
      this.#wallUs !== undefined && this.#nowMs >= this.#steppedUntilMs &&
      this.#wallUs - endOf(request) > this.#options.maxLatenessMs * 1000
    ) return "late";
    if (!this.captureUp || this.#options.httpHoldMs === 0) {
      return this.#reasonAfterWait(request);
    }
    return undefined;
  }

  /** The request's key is the current one. */
  #reasonAfterWait(request: RequestEvent): OrphanReason {
    if (this.#isBehindProxy(request)) return "upstream_tls";
    if (!this.captureUp) return "capture_down";
    return this.#evicted.has(this.#key, this.#nowMs, this.#options.connTtlMs)
      ? "tls_evicted"
      : "no_hello";
  }

  #isBehindProxy(request: RequestEvent): boolean {
    return request.client_ip_source === "proxy_protocol" ||
      this.#options.trustedProxies.has(request.src_ip);
  }

  /** The requests of the current key that wait may have their handshake now. */
  #releaseHolds(): void {
    const holds = this.#holds;
    let before = -1;
    for (let entry = holds.firstOf(this.#key); entry >= 0;) {
      const next = holds.sameNext(entry);
      const waitedMs = holds.waitedMs(entry, this.#nowMs);
      if (this.#match(holds.request(entry), waitedMs)) {
        holds.remove(entry, before);
      } else before = entry;
      entry = next;
    }
  }

  #expireHolds(): void {
    for (let n = 0; n < EXPIRE_AT_ONCE; n++) {
      const entry = this.#holds.oldest;
      if (entry < 0) return;
      const waited = this.#holds.waitedMs(entry, this.#nowMs);
      if (waited < this.#options.httpHoldMs) return;
      this.#expireHold(entry);
    }
  }

  /** Leaves the key of the request as the current one. */
  #expireHold(entry: number, reason?: OrphanReason): void {
    const request = this.#holds.request(entry);
    const waitedMs = this.#holds.waitedMs(entry, this.#nowMs);
    this.#holds.keyOf(entry, this.#key);
    this.#holds.remove(entry);
    this.#orphan(request, reason ?? this.#reasonAfterWait(request), waitedMs);
  }

  #expireHandshakes(): void {
    const { tlsOrphanAfterMs, connTtlMs, keepaliveTtlMs, lingerMs } =
      this.#options;
    const table = this.#table;
    this.#expire(STATE.fresh, tlsOrphanAfterMs, (entry) => {
      this.#tlsOnly(table.hello(entry));
      table.move(entry, STATE.lone, this.#nowMs);
    });
    const forget = (entry: number): void => table.remove(entry);
    this.#expire(STATE.lone, connTtlMs, forget);
    this.#expire(STATE.window, keepaliveTtlMs, forget);
    this.#expire(STATE.conn, connTtlMs, forget);
    this.#expire(STATE.closing, lingerMs, forget);
  }

  #expire(
    state: typeof STATE[keyof typeof STATE],
    afterMs: number,
    act: (entry: number) => void,
  ): void {
    for (let n = 0; n < EXPIRE_AT_ONCE; n++) {
      const entry = this.#table.oldest(state);
      if (entry < 0 || this.#table.idleMs(entry, this.#nowMs) < afterMs) return;
      act(entry);
    }
  }

  #tlsOnly(handshake: HandshakeEvent): void {
    if (!this.#options.emitTlsOrphans) return;
    this.counts.tlsOnly++;
    this.#emit({ match: "tls_only", handshake }, 0);
  }

  #orphan(
    request: RequestEvent,
    reason: OrphanReason,
    waitedMs: number,
  ): void {
    if (!this.#options.emitHttpOrphans) {
      this.counts.requestsDiscarded.muted++;
      return;
    }
    this.counts.orphans[reason]++;
    this.#emit({ match: "none", request, reason }, waitedMs);
  }
}

/** When the request was logged, about. */
function endOf({ ts, duration_us }: RequestEvent): number {
  return ts + (duration_us ?? 0);
}
