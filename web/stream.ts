/** Work that is bounded in number, and streams that give their place back when they end. @module */

/** A number of places, of which each is held by one piece of work. */
export class Places {
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** A place, given back when disposed of unless it is kept for longer; undefined if none is free. */
  take(): Place | undefined {
    if (this.#free === 0) return undefined;
    this.#free--;
    return new Place(() => this.#free++);
  }
}

/** One place taken. */
export class Place implements Disposable {
  #back: (() => void) | undefined;

  constructor(back: () => void) {
    this.#back = back;
  }

  /** Takes the place over: what is returned gives it back, once. */
  keep(): () => void {
    const back = this.#back;
    this.#back = undefined;
    let given = false;
    return () => {
      if (!given) back?.();
      given = true;
    };
  }

  [Symbol.dispose](): void {
    this.#back?.();
    this.#back = undefined;
  }
}

/** `stream`, and `done` when it has ended in whichever way. */
export function counted(
  stream: ReadableStream<Uint8Array>,
  done: () => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done: ended } = await reader.read();
        if (value !== undefined) controller.enqueue(value);
        if (ended) {
          done();
          controller.close();
        }
      } catch (thrown) {
        done();
        controller.error(thrown);
      }
    },
    async cancel(reason) {
      done();
      await reader.cancel(reason);
    },
  });
}
