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
  Connection,
  ConnectionEndEvent,
  HandshakeEvent,
  OrphanReason,
  RequestEvent,
} from "../lib/events.ts";
import { readIp } from "../lib/ip.ts";
import { forwardedClient } from "./client_address.ts";
import { ConnectionTable, type Pressure, STATE } from "./connection_table.ts";
import { handshakeFacts, type Hello, helloHead } from "./hello.ts";
import { HoldQueue } from "./hold_queue.ts";
import { JoinClock } from "./join_clock.ts";
import { Matcher } from "./join_match.ts";
import type {
  JoinCounts,
  Joined,
  JoinedRequest,
  JoinOptions,
  RequestText,
} from "./join_options.ts";
import type { SavedHandshake } from "./join_snapshot.ts";
import { KEY_WORDS, type KeyWords } from "./key_index.ts";
import type { Recorded } from "./producer_record.ts";
import { RecentKeys } from "./recent_keys.ts";
import { SequenceTracker } from "./sequence.ts";

const encoder = new TextEncoder();
/** Transports share addresses and ports without sharing connections. */
const TRANSPORT = { tcp: 0, quic: 1, dtls: 2 } as const;
/** Removals per list in one call of advance: bounds how long it takes. */
const EXPIRE_AT_ONCE = 4096;
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
  readonly #clock: JoinClock;
  readonly #matcher: Matcher;
  readonly #requestSeqs = new SequenceTracker();
  readonly #handshakeSeqs = new SequenceTracker();
  readonly #key: KeyWords = new Uint32Array(KEY_WORDS);
  #captureHeardMs: number | undefined;
  #lastSensor = { sensor: "", boot: -1, name: "" };

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
    this.#clock = new JoinClock(options.helloMaxDelayMs);
    this.#matcher = new Matcher(options, {
      table: this.#table,
      clock: this.#clock,
    });
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

  /** What {@linkcode Join.restoreProgress} of a later process takes. */
  get progress(): Recorded {
    return {
      held: this.#holds.size,
      requests: this.#requestSeqs.progress(),
      handshakes: this.#handshakeSeqs.progress(),
    };
  }

  /** Takes over how far producers came, so that what is missing since is counted. */
  restoreProgress({ requests, handshakes }: Recorded): void {
    this.#requestSeqs.restore(requests);
    this.#handshakeSeqs.restore(handshakes);
  }

  /** Whether a sensor was heard within `captureTimeoutMs`. */
  get captureUp(): boolean {
    return this.#captureHeardMs !== undefined &&
      this.#clock.nowMs - this.#captureHeardMs <=
        this.#options.captureTimeoutMs;
  }

  /**
   * Tells the time and lets go what has waited long enough. `nowMs` never decreases; `wallUs` is
   * left out where events are older than today, as in a file.
   */
  advance(nowMs: number, wallUs?: number): void {
    this.#clock.advance(nowMs, wallUs);
    this.#captureHeardMs ??= nowMs;
    this.#expireHolds();
    this.#expireHandshakes();
  }

  /** The caller's clock stood still for `ms`, in which nothing was read. */
  paused(ms: number): void {
    this.#clock.paused(ms);
  }

  /** A sensor said that it lives. */
  stats(): void {
    this.#captureHeardMs = this.#clock.nowMs;
  }

  /**
   * Takes a handshake. `bytes` is what it counts against `maxBytes`, `facts` what rows will contain
   * of it if that is known.
   */
  handshake(event: HandshakeEvent, bytes: number, facts?: Uint8Array): void {
    const { counts } = this;
    counts.handshakes++;
    this.#captureHeardMs = this.#clock.nowMs;
    if (this.#options.exclude.has(event.src_ip)) {
      counts.handshakesDiscarded.excluded++;
      return;
    }
    if (!this.#handshakeSeqs.isNew(this.#nameOf(event), event.seq, event.ts)) {
      counts.handshakesDiscarded.duplicate++;
      return;
    }
    this.#setKey(event, TRANSPORT[event.transport] ?? TRANSPORT.tcp);
    const newest = this.#table.newest(this.#key);
    if (newest >= 0 && this.#isRepeat(newest, event)) {
      counts.handshakesDiscarded.repeated++;
      const held = this.#table.head(newest);
      if (held.status !== "complete" && event.status === "complete") {
        this.#table.replace(
          newest,
          helloHead(event),
          facts ?? encoder.encode(handshakeFacts(event)),
        );
      }
      return;
    }
    this.#makeRoom(bytes);
    this.#table.open(this.#key, helloHead(event), {
      facts: facts ?? encoder.encode(handshakeFacts(event)),
      bytes,
      nowMs: this.#clock.nowMs,
    });
    this.#releaseHolds();
  }

  /**
   * Takes a request: its row comes now or, if it has to wait, from a later call. `text` is what the
   * row will contain of it if that is known.
   */
  request(received: RequestEvent, text?: RequestText): void {
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
    const arrived = this.#withClient({ request: received, text });
    const { request } = arrived;
    this.#setKey(request, transportOf(request));
    if (this.#match(arrived, 0)) return;
    const reason = this.#reasonNow(request);
    if (reason !== undefined) return this.#orphan(arrived, reason, 0);
    if (this.#holds.full) {
      this.#expireHold(this.#holds.oldest);
      // The key is that of the expired one by now.
      this.#setKey(request, transportOf(request));
    }
    this.#holds.add(this.#key, arrived, this.#clock.nowMs);
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
    if (entry >= 0) table.move(entry, STATE.closing, this.#clock.nowMs);
  }

  /**
   * Ends: everything that waits gets its row. `reason` is `shutdown` when a live process stops; an
   * input that has ended leaves it out, and requests get the reason that waiting would have shown.
   */
  finish(reason?: "shutdown"): void {
    while (this.#holds.size > 0) this.#expireHold(this.#holds.oldest, reason);
    for (let entry; (entry = this.#table.oldest(STATE.fresh)) >= 0;) {
      this.#tlsOnly(this.#table.hello(entry));
      this.#table.move(entry, STATE.lone, this.#clock.nowMs);
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
          idle_ms: table.idleMs(entry, this.#clock.nowMs),
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
      const entry = table.open(this.#key, hello, {
        facts: encoder.encode(hello.facts),
        bytes,
        nowMs: this.#clock.nowMs,
      });
      table.own(entry, conn);
      table.noteActivity(entry, hello.ts + activity_ms * 1000);
      taken.push({ entry, saved: one });
    }
    // Each list is in the order of touch.
    taken.sort((a, b) => b.saved.idle_ms - a.saved.idle_ms);
    for (const { entry, saved: { state, idle_ms } } of taken) {
      table.move(entry, state, this.#clock.nowMs - idle_ms - ageMs);
    }
    return taken.length;
  }

  /** One start of one sensor. Remembered: most events are of the one before. */
  #nameOf({ sensor, boot }: HandshakeEvent): string {
    const last = this.#lastSensor;
    if (last.sensor === sensor && last.boot === boot) return last.name;
    const name = `${boot} ${sensor}`;
    this.#lastSensor = { sensor, boot, name };
    return name;
  }

  #setKey(
    event: Connection,
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

  #withClient(arrived: JoinedRequest): JoinedRequest {
    const { request, text } = arrived;
    if (request.client_ip !== undefined) return arrived;
    const client_ip = forwardedClient(request, this.#options.trustedProxies);
    if (client_ip === undefined) return arrived;
    return {
      request: { ...request, client_ip, client_ip_source: "x_forwarded_for" },
      text: text && {
        ...text,
        facts:
          `${text.facts},"client_ip":"${client_ip}","client_ip_source":"x_forwarded_for"`,
      },
    };
  }

  /**
   * A retransmitted hello, or the second one after a HelloRetryRequest, which carries the first
   * one's random (RFC 8446, section 4.1.2).
   */
  #isRepeat(entry: number, event: HandshakeEvent): boolean {
    const held = this.#table.head(entry);
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
    if (pressure !== "generations") this.#evicted.add(key, this.#clock.nowMs);
    if (this.#table.state(entry) === STATE.fresh) {
      this.#tlsOnly(this.#table.hello(entry));
    }
    this.#table.remove(entry);
  }

  /** Emits the request if a handshake of the current key answers for it. */
  #match({ request, text }: JoinedRequest, waitedMs: number): boolean {
    const table = this.#table;
    let match: "conn" | "window" = "conn";
    let entry = this.#matcher.owned(this.#key, request);
    if (entry >= 0) {
      // The first request of this connection may have been matched by a window.
      if (table.state(entry) === STATE.window) match = "window";
    } else {
      entry = this.#matcher.unowned(this.#key, request);
      if (entry < 0) return false;
      if (request.conn_ts === undefined) match = "window";
    }
    if (request.conn !== undefined) table.own(entry, request.conn);
    table.noteActivity(entry, request.ts);
    const known = table.state(entry);
    if (known !== STATE.closing) {
      const state = known === STATE.conn ? STATE.conn : STATE[match];
      table.move(entry, state, this.#clock.nowMs);
    }
    this.counts.matched[match]++;
    const handshake = table.hello(entry);
    this.#emit({ match, request, text, handshake }, waitedMs);
    return true;
  }

  /** Why waiting cannot help; undefined if it can. */
  #reasonNow(request: RequestEvent): OrphanReason | undefined {
    if (request.url_scheme === "http") {
      return this.#isBehindProxy(request) ? "upstream_tls" : "plaintext";
    }
    const ageUs = this.#clock.ageUs(endOf(request));
    if (ageUs !== undefined && ageUs > this.#options.maxLatenessMs * 1000) {
      return "late";
    }
    if (!this.captureUp || this.#options.httpHoldMs === 0) {
      return this.#reasonAfterWait(request);
    }
    return undefined;
  }

  /** The request's key is the current one. */
  #reasonAfterWait(request: RequestEvent): OrphanReason {
    if (this.#isBehindProxy(request)) return "upstream_tls";
    if (!this.captureUp) return "capture_down";
    return this.#evicted.has(
        this.#key,
        this.#clock.nowMs,
        this.#options.connTtlMs,
      )
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
      const waitedMs = holds.waitedMs(entry, this.#clock.nowMs);
      if (this.#match(holds.held(entry), waitedMs)) {
        holds.remove(entry, before);
      } else before = entry;
      entry = next;
    }
  }

  #expireHolds(): void {
    for (let n = 0; n < EXPIRE_AT_ONCE; n++) {
      const entry = this.#holds.oldest;
      if (entry < 0) return;
      const waited = this.#holds.waitedMs(entry, this.#clock.nowMs);
      if (waited < this.#options.httpHoldMs) return;
      this.#expireHold(entry);
    }
  }

  /** Leaves the key of the request as the current one. */
  #expireHold(entry: number, reason?: OrphanReason): void {
    const held = this.#holds.held(entry);
    const waitedMs = this.#holds.waitedMs(entry, this.#clock.nowMs);
    this.#holds.keyOf(entry, this.#key);
    this.#holds.remove(entry);
    this.#orphan(
      held,
      reason ?? this.#reasonAfterWait(held.request),
      waitedMs,
    );
  }

  #expireHandshakes(): void {
    const { tlsOrphanAfterMs, connTtlMs, keepaliveTtlMs, lingerMs } =
      this.#options;
    const table = this.#table;
    this.#expire(STATE.fresh, tlsOrphanAfterMs, (entry) => {
      this.#tlsOnly(table.hello(entry));
      table.move(entry, STATE.lone, this.#clock.nowMs);
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
      if (entry < 0 || this.#table.idleMs(entry, this.#clock.nowMs) < afterMs) {
        return;
      }
      act(entry);
    }
  }

  #tlsOnly(handshake: Hello): void {
    if (!this.#options.emitTlsOrphans) return;
    this.counts.tlsOnly++;
    this.#emit({ match: "tls_only", handshake }, 0);
  }

  #orphan(
    { request, text }: JoinedRequest,
    reason: OrphanReason,
    waitedMs: number,
  ): void {
    if (!this.#options.emitHttpOrphans) {
      this.counts.requestsDiscarded.muted++;
      return;
    }
    this.counts.orphans[reason]++;
    this.#emit({ match: "none", request, text, reason }, waitedMs);
  }
}

/** When the request was logged, about. */
function endOf({ ts, duration_us }: RequestEvent): number {
  return ts + (duration_us ?? 0);
}

/** HTTP/3 is HTTP over QUIC. */
function transportOf({ http_version }: RequestEvent): number {
  return http_version === "3" ? TRANSPORT.quic : TRANSPORT.tcp;
}
