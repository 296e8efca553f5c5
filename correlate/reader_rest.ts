/**
 * When the thread that reads datagrams rests before it takes what has come.
 *
 * To wake a sleeping reader is the dearest part of a sender's send(2): 5 of 9 microseconds, measured
 * in httpd. A reader that wakes for each datagram makes every request pay it. So where datagrams come
 * often, the reader waits for some more behind the first, and one request in many pays.
 *
 * @module
 */

/** How long, in milliseconds: nothing against the time that the join waits for handshakes. */
const REST_MS = 2;
/** A datagram that took longer to come found the reader asleep; taking a queued one takes 3 us. */
const ASLEEP_MS = 0.02;
/** Only where the reader was woken this short a time ago: 200 datagrams a second. */
const AGAIN_MS = 5;
/** Of the kernel's queue, what may fill between two rests. */
const QUEUE_SHARE = 1 / 8;
/** The kernel's own queue of 10 is too short for a reader that rests. */
const QUEUE_LENGTH_MIN = 64;

/** Sees when datagrams come and says when to rest. */
export class ReaderRest {
  readonly #burstMax: number;
  #burst = 0;
  #wokenMs = -Infinity;

  /** @param queueLength Datagrams that the kernel queues; undefined where that is not known. */
  constructor(queueLength: number | undefined) {
    this.#burstMax =
      queueLength !== undefined && queueLength >= QUEUE_LENGTH_MIN
        ? queueLength * QUEUE_SHARE
        : 0;
  }

  /**
   * A datagram was waited for at `askedMs` and is here at `nowMs`. Returns for how many milliseconds
   * to rest before the next is asked for, 0 for not at all.
   */
  came(askedMs: number, nowMs: number): number {
    this.#burst++;
    if (nowMs - askedMs < ASLEEP_MS) return 0;
    const often = nowMs - this.#wokenMs < AGAIN_MS;
    const restMs = often && this.#burst <= this.#burstMax ? REST_MS : 0;
    this.#burst = 0;
    this.#wokenMs = nowMs + restMs;
    return restMs;
  }
}
