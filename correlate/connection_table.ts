/**
 * The handshakes that requests may still belong to: one entry ("generation") a ClientHello, the
 * newest of each connection key found by {@linkcode KeyIndex}, older ones behind it.
 *
 * Every entry stands in one list of its state, oldest touch first, so that expiry and eviction take
 * constant time, and in one list of its source bucket, so that a scanner that fills its quota
 * loses its own oldest handshakes and nobody else's.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";
import type { Hello, HelloHead } from "./hello.ts";
import { hashWords, KEY_WORDS, KeyIndex, type KeyWords } from "./key_index.ts";
import { TextArena } from "./text_arena.ts";

/** State of an entry = the list it stands in. */
export const STATE = {
  /** No request yet, its `tls_only` row not written. */
  fresh: 0,
  /** No request yet, its `tls_only` row is written. */
  lone: 1,
  /** Matched by a time window: the producer names no connection. */
  window: 2,
  /** Matched by connection. */
  conn: 3,
  /** The connection has ended. */
  closing: 4,
} as const;
/** One of {@linkcode STATE}. */
export type State = typeof STATE[keyof typeof STATE];

const LISTS = 5;
/**
 * Share of the bounds that handshakes without a request may fill before they give way to one another. Without
 * it connections that stay would leave no room for the moment between a hello and its request; with
 * all of it a scan from many addresses would push them out.
 */
const FRESH_SHARE = 1 / 4;
/** Sources share a bucket by a seeded hash; with 65 536 of them two busy ones seldom meet. */
const SOURCE_BUCKETS = 65_536;
/** Handshakes kept for one key: a port is reused, and the earlier connection may still log. */
const GENERATIONS_MAX = 4;
const NONE = -1;
/** `conn` of an entry that belongs to no connection yet. */
export const NO_CONN = -1;

/** Bounds of {@linkcode ConnectionTable}. */
export interface TableLimits {
  readonly entriesMax: number;
  readonly perSourceMax: number;
  /** Sum of the sizes given to {@linkcode ConnectionTable.open}. */
  readonly bytesMax: number;
}

/** Which bound asks for the removal of an entry. */
export type Pressure = "capacity" | "source_quota" | "generations";

/** See the module's comment. All entry numbers are below `limits.entriesMax`. */
export class ConnectionTable {
  readonly #limits: TableLimits;
  readonly #index: KeyIndex;
  readonly #seed: number;
  readonly #key: KeyWords = new Uint32Array(KEY_WORDS);

  readonly #head: (HelloHead | undefined)[];
  readonly #arena = new TextArena();
  /** Where the facts are. */
  readonly #facts: Int32Array;
  /** Connection of the web server that owns the entry, or {@linkcode NO_CONN}. */
  readonly #conn: Float64Array;
  /** Milliseconds of the caller's clock, modulo 2^32. */
  readonly #touched: Uint32Array;
  /** Last request behind the hello, milliseconds of event time. */
  readonly #activity: Int32Array;
  readonly #bytes: Uint32Array;
  readonly #state: Uint8Array;
  readonly #older: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #sourceNext: Int32Array;
  readonly #sourcePrevious: Int32Array;

  /** Entries of each state, and their sizes. */
  readonly #count = new Uint32Array(LISTS);
  readonly #countBytes = new Float64Array(LISTS);
  readonly #first = new Int32Array(LISTS).fill(NONE);
  readonly #last = new Int32Array(LISTS).fill(NONE);
  readonly #sourceFirst = new Int32Array(SOURCE_BUCKETS).fill(NONE);
  readonly #sourceLast = new Int32Array(SOURCE_BUCKETS).fill(NONE);
  readonly #sourceCount = new Uint32Array(SOURCE_BUCKETS);
  #free = 0;
  #size = 0;
  #bytesHeld = 0;

  constructor(limits: TableLimits, seed: number) {
    const { entriesMax } = limits;
    this.#limits = limits;
    this.#seed = seed;
    this.#index = new KeyIndex(entriesMax, seed);
    this.#head = new Array<HelloHead | undefined>(entriesMax);
    this.#head.fill(undefined);
    this.#facts = new Int32Array(entriesMax);
    this.#conn = new Float64Array(entriesMax);
    this.#touched = new Uint32Array(entriesMax);
    this.#activity = new Int32Array(entriesMax);
    this.#bytes = new Uint32Array(entriesMax);
    this.#state = new Uint8Array(entriesMax);
    this.#older = new Int32Array(entriesMax);
    this.#next = new Int32Array(entriesMax);
    this.#previous = new Int32Array(entriesMax);
    this.#sourceNext = new Int32Array(entriesMax);
    this.#sourcePrevious = new Int32Array(entriesMax);
    for (let entry = 0; entry < entriesMax; entry++) {
      this.#next[entry] = entry + 1 < entriesMax ? entry + 1 : NONE;
    }
  }

  /** Entries held. */
  get size(): number {
    return this.#size;
  }

  /** Sum of the sizes of all entries held. */
  get bytes(): number {
    return this.#bytesHeld;
  }

  /** Newest entry of a key, or -1. */
  newest(key: KeyWords): number {
    return this.#index.find(key);
  }

  /** The entry of the same key before this one, or -1. */
  older(entry: number): number {
    return this.#older[entry] ?? NONE;
  }

  /** What is compared of an entry that is held. */
  head(entry: number): HelloHead {
    const head = this.#head[entry];
    invariant(head !== undefined, "a free entry was read");
    return head;
  }

  /** All of an entry that is held. */
  hello(entry: number): Hello {
    const facts = this.#arena.read(this.#facts[entry] ?? NONE);
    const head = this.head(entry);
    // Named, as a spread is several times slower.
    return {
      ts: head.ts,
      src_ip: head.src_ip,
      src_port: head.src_port,
      dest_ip: head.dest_ip,
      dest_port: head.dest_port,
      transport: head.transport,
      status: head.status,
      client_random_hash: head.client_random_hash,
      ja4_ro: head.ja4_ro,
      sensor: head.sensor,
      facts,
    };
  }

  conn(entry: number): number {
    return this.#conn[entry] ?? NO_CONN;
  }

  state(entry: number): State {
    return (this.#state[entry] ?? 0) as State;
  }

  /** Milliseconds since the last touch, on the clock that was given to it. */
  idleMs(entry: number, nowMs: number): number {
    return ((nowMs >>> 0) - (this.#touched[entry] ?? 0)) | 0;
  }

  /** Event time of the last request, at least that of the hello, microseconds to the millisecond. */
  activityTs(entry: number): number {
    return this.head(entry).ts + (this.#activity[entry] ?? 0) * 1000;
  }

  /** Oldest entry of a state, or -1. */
  oldest(state: State): number {
    return this.#first[state] ?? NONE;
  }

  /**
   * The entry that must go before a new one of `key` and `bytes` fits, and why; undefined when it fits.
   * Ended connections go first, then handshakes whose row without a request is written, then those that wait for
   * one beyond their share, then the connection that was touched least recently.
   */
  victim(
    key: KeyWords,
    bytes: number,
  ): { entry: number; pressure: Pressure } | undefined {
    const bucket = this.#bucketOf(key);
    if ((this.#sourceCount[bucket] ?? 0) >= this.#limits.perSourceMax) {
      return {
        entry: this.#sourceFirst[bucket] ?? NONE,
        pressure: "source_quota",
      };
    }
    let generations = 0;
    let last = NONE;
    for (let entry = this.newest(key); entry >= 0; entry = this.older(entry)) {
      generations++;
      last = entry;
    }
    if (generations >= GENERATIONS_MAX) {
      return { entry: last, pressure: "generations" };
    }
    if (
      this.#size < this.#limits.entriesMax &&
      this.#bytesHeld + bytes <= this.#limits.bytesMax
    ) return undefined;
    const entry = this.#leastWorth();
    // Otherwise one entry is larger than all memory: the caller bounds its size.
    return entry >= 0 ? { entry, pressure: "capacity" } : undefined;
  }

  #leastWorth(): number {
    for (const state of [STATE.closing, STATE.lone]) {
      const entry = this.oldest(state);
      if (entry >= 0) return entry;
    }
    const { entriesMax, bytesMax } = this.#limits;
    const fresh = this.oldest(STATE.fresh);
    const crowded =
      (this.#count[STATE.fresh] ?? 0) >= entriesMax * FRESH_SHARE ||
      (this.#countBytes[STATE.fresh] ?? 0) >= bytesMax * FRESH_SHARE;
    if (crowded && fresh >= 0) return fresh;
    const [window, conn] = [this.oldest(STATE.window), this.oldest(STATE.conn)];
    if (conn < 0) return window < 0 ? fresh : window;
    if (window < 0) return conn;
    const later = (this.#touched[window] ?? 0) - (this.#touched[conn] ?? 0);
    return (later | 0) <= 0 ? window : conn;
  }

  /** Takes a handshake in, as the newest of its key. There must be room: see {@linkcode victim}. */
  open(
    key: KeyWords,
    head: HelloHead,
    { facts, bytes, nowMs }: {
      facts: Uint8Array;
      bytes: number;
      nowMs: number;
    },
  ): number {
    const entry = this.#free;
    invariant(entry >= 0, "the connection table is full");
    this.#free = this.#next[entry] ?? NONE;
    this.#older[entry] = this.#index.find(key);
    this.#index.put(key, entry);
    this.#setHello(entry, head, facts);
    this.#conn[entry] = NO_CONN;
    this.#activity[entry] = 0;
    this.#bytes[entry] = bytes;
    this.#size++;
    this.#bytesHeld += bytes;
    this.#linkSource(entry, this.#bucketOf(key));
    this.#append(entry, STATE.fresh, nowMs);
    return entry;
  }

  /** Puts another handshake of the same connection in place of the one held. */
  replace(entry: number, head: HelloHead, facts: Uint8Array): void {
    this.#arena.release(this.#facts[entry] ?? NONE);
    this.#setHello(entry, head, facts);
  }

  /** Gives the entry to a connection of the web server. */
  own(entry: number, conn: number): void {
    this.#conn[entry] = conn;
  }

  /** Notes a request at event time `ts`. */
  noteActivity(entry: number, ts: number): void {
    const afterMs = Math.floor((ts - this.head(entry).ts) / 1000);
    if (afterMs > (this.#activity[entry] ?? 0)) {
      this.#activity[entry] = Math.min(afterMs, 0x7fff_ffff);
    }
  }

  /** Touches the entry and moves it to the end of the list of `state`. */
  move(entry: number, state: State, nowMs: number): void {
    this.#unlink(entry);
    this.#append(entry, state, nowMs);
  }

  /** Frees the entry. */
  remove(entry: number): void {
    const key = this.#key;
    this.#index.keyOf(entry, key);
    const older = this.older(entry);
    const newest = this.#index.find(key);
    if (newest !== entry) {
      let newer = newest;
      while (newer >= 0 && this.older(newer) !== entry) {
        newer = this.older(newer);
      }
      invariant(newer >= 0, "an entry is not in the chain of its key");
      this.#older[newer] = older;
    } else if (older >= 0) this.#index.put(key, older);
    else this.#index.remove(key);
    this.#unlink(entry);
    this.#unlinkSource(entry, this.#bucketOf(key));
    this.#head[entry] = undefined;
    this.#arena.release(this.#facts[entry] ?? NONE);
    this.#size--;
    this.#bytesHeld -= this.#bytes[entry] ?? 0;
    this.#next[entry] = this.#free;
    this.#free = entry;
  }

  /** Entries of a state, oldest touch first. They must not be moved meanwhile. */
  *entries(state: State): Generator<number> {
    for (let entry = this.oldest(state); entry >= 0;) {
      yield entry;
      entry = this.#next[entry] ?? NONE;
    }
  }

  /** What the entry counts against the bound. */
  bytesOf(entry: number): number {
    return this.#bytes[entry] ?? 0;
  }

  /** Copies the key of an entry that is held. */
  keyOf(entry: number, key: KeyWords): void {
    this.#index.keyOf(entry, key);
  }

  #setHello(entry: number, head: HelloHead, facts: Uint8Array): void {
    this.#head[entry] = head;
    this.#facts[entry] = this.#arena.store(facts);
  }

  #append(entry: number, state: State, nowMs: number): void {
    const last = this.#last[state] ?? NONE;
    this.#previous[entry] = last;
    this.#next[entry] = NONE;
    if (last >= 0) this.#next[last] = entry;
    else this.#first[state] = entry;
    this.#last[state] = entry;
    this.#state[entry] = state;
    this.#touched[entry] = nowMs;
    this.#count[state] = (this.#count[state] ?? 0) + 1;
    this.#countBytes[state] = (this.#countBytes[state] ?? 0) +
      (this.#bytes[entry] ?? 0);
  }

  #unlink(entry: number): void {
    const state = this.#state[entry] ?? 0;
    const previous = this.#previous[entry] ?? NONE;
    const next = this.#next[entry] ?? NONE;
    if (previous >= 0) this.#next[previous] = next;
    else this.#first[state] = next;
    if (next >= 0) this.#previous[next] = previous;
    else this.#last[state] = previous;
    this.#count[state] = (this.#count[state] ?? 0) - 1;
    this.#countBytes[state] = (this.#countBytes[state] ?? 0) -
      (this.#bytes[entry] ?? 0);
  }

  /** An IPv4 address or the /64 of an IPv6 address: what one host can choose from freely. */
  #bucketOf(key: KeyWords): number {
    const v4 = key[0] === 0 && key[1] === 0;
    const hash = v4
      ? hashWords(key, 2, 2, this.#seed)
      : hashWords(key, 0, 2, this.#seed);
    return hash % SOURCE_BUCKETS;
  }

  #linkSource(entry: number, bucket: number): void {
    const last = this.#sourceLast[bucket] ?? NONE;
    this.#sourcePrevious[entry] = last;
    this.#sourceNext[entry] = NONE;
    if (last >= 0) this.#sourceNext[last] = entry;
    else this.#sourceFirst[bucket] = entry;
    this.#sourceLast[bucket] = entry;
    this.#sourceCount[bucket] = (this.#sourceCount[bucket] ?? 0) + 1;
  }

  #unlinkSource(entry: number, bucket: number): void {
    const previous = this.#sourcePrevious[entry] ?? NONE;
    const next = this.#sourceNext[entry] ?? NONE;
    if (previous >= 0) this.#sourceNext[previous] = next;
    else this.#sourceFirst[bucket] = next;
    if (next >= 0) this.#sourcePrevious[next] = previous;
    else this.#sourceLast[bucket] = previous;
    this.#sourceCount[bucket] = (this.#sourceCount[bucket] ?? 0) - 1;
  }
}
