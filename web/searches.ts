/**
 * Searches under way, by an identifier that the page chose: so that "Cancel" ends the question in the
 * database and not only the wait for it.
 *
 * @module
 */

/** Searches of one user at a time, and of all. */
const PER_USER_MAX = 5;
const ALL_MAX = 40;

export class Searches {
  readonly #running = new Map<
    string,
    { readonly login: string; readonly controller: AbortController }
  >();

  /** Searches under way. */
  get size(): number {
    return this.#running.size;
  }

  /** Notes that one begins; undefined if there are too many. Disposing says that it is over. */
  begin(
    id: string,
    login: string,
  ): { readonly signal: AbortSignal } & Disposable | undefined {
    const own = [...this.#running.values()].filter((one) =>
      one.login === login
    );
    if (own.length >= PER_USER_MAX || this.#running.size >= ALL_MAX) {
      return undefined;
    }
    const key = keyOf(id, login);
    const controller = new AbortController();
    this.#running.get(key)?.controller.abort();
    this.#running.set(key, { login, controller });
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        if (this.#running.get(key)?.controller === controller) {
          this.#running.delete(key);
        }
      },
    };
  }

  /** Ends the search of that identifier; false if the user has none such. */
  cancel(id: string, login: string): boolean {
    const found = this.#running.get(keyOf(id, login));
    found?.controller.abort(new DOMException("Cancelled", "AbortError"));
    return found !== undefined;
  }
}

/** Nobody can name the search of another. */
function keyOf(id: string, login: string): string {
  return `${login} ${id}`;
}
