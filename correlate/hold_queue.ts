/**
 * Requests that wait for their handshake: first in, first out, and found by connection key when a
 * handshake arrives. All wait equally long, so the order of arrival is the order of their ends.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";
import type { JoinedRequest } from "./join_options.ts";
import { KEY_WORDS, KeyIndex, type KeyWords } from "./key_index.ts";

const NONE = -1;

/** A bounded queue; entry numbers are below `capacity`. */
export class HoldQueue {
  readonly #index: KeyIndex;
  readonly #request: (JoinedRequest | undefined)[];
  /** Milliseconds of the caller's clock, modulo 2^32. */
  readonly #since: Uint32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The next request of the same key. */
  readonly #sameNext: Int32Array;
  /** The last request of the same key, valid at the first one. */
  readonly #sameLast: Int32Array;
  readonly #key: KeyWords = new Uint32Array(KEY_WORDS);
  #first = NONE;
  #last = NONE;
  #free = 0;
  #size = 0;

  constructor(capacity: number, seed: number) {
    this.#index = new KeyIndex(capacity, seed);
    this.#request = new Array<JoinedRequest | undefined>(capacity);
    this.#request.fill(undefined);
    this.#since = new Uint32Array(capacity);
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#sameNext = new Int32Array(capacity);
    this.#sameLast = new Int32Array(capacity);
    for (let entry = 0; entry < capacity; entry++) {
      this.#next[entry] = entry + 1 < capacity ? entry + 1 : NONE;
    }
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#free === NONE;
  }

  /** The request that waits longest, or -1. */
  get oldest(): number {
    return this.#first;
  }

  /** How long the request waits. */
  waitedMs(entry: number, nowMs: number): number {
    return ((nowMs >>> 0) - (this.#since[entry] ?? 0)) | 0;
  }

  held(entry: number): JoinedRequest {
    const request = this.#request[entry];
    invariant(request !== undefined, "a free hold was read");
    return request;
  }

  /** First request held for a key, or -1. */
  firstOf(key: KeyWords): number {
    return this.#size === 0 ? NONE : this.#index.find(key);
  }

  /** The next request of the same key, or -1. */
  sameNext(entry: number): number {
    return this.#sameNext[entry] ?? NONE;
  }

  /** Copies the key of a request that is held. */
  keyOf(entry: number, key: KeyWords): void {
    this.#index.keyOf(entry, key);
  }

  /** Holds a request; the queue must not be full. */
  add(key: KeyWords, request: JoinedRequest, nowMs: number): void {
    const entry = this.#free;
    invariant(entry >= 0, "the hold queue is full");
    this.#free = this.#next[entry] ?? NONE;
    this.#request[entry] = request;
    this.#since[entry] = nowMs;
    this.#sameNext[entry] = NONE;
    const first = this.#index.find(key);
    if (first >= 0) {
      this.#sameNext[this.#sameLast[first] ?? NONE] = entry;
      this.#sameLast[first] = entry;
      // The entry keeps its own copy of the key, without being found by it yet.
      this.#index.put(key, entry);
      this.#index.put(key, first);
    } else {
      this.#index.put(key, entry);
      this.#sameLast[entry] = entry;
    }
    this.#previous[entry] = this.#last;
    this.#next[entry] = NONE;
    if (this.#last >= 0) this.#next[this.#last] = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#size++;
  }

  /** Lets a request go. `before` is the request of the same key before it, -1 if it is the first. */
  remove(entry: number, before: number = NONE): void {
    const after = this.sameNext(entry);
    this.#index.keyOf(entry, this.#key);
    if (before >= 0) {
      this.#sameNext[before] = after;
      if (after < 0) {
        this.#sameLast[this.#index.find(this.#key)] = before;
      }
    } else if (after >= 0) {
      this.#sameLast[after] = this.#sameLast[entry] ?? NONE;
      this.#index.put(this.#key, after);
    } else this.#index.remove(this.#key);
    const previous = this.#previous[entry] ?? NONE;
    const next = this.#next[entry] ?? NONE;
    if (previous >= 0) this.#next[previous] = next;
    else this.#first = next;
    if (next >= 0) this.#previous[next] = previous;
    else this.#last = previous;
    this.#request[entry] = undefined;
    this.#next[entry] = this.#free;
    this.#free = entry;
    this.#size--;
  }
}
