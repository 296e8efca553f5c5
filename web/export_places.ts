import { Place, Places } from "./stream.ts";

/** Exports of one user at a time, and of all. */
const PER_USER_MAX = 2;
const ALL_MAX = 4;

/** A place for each export that may run at once: nobody can hold them all. */
export class ExportPlaces {
  readonly #all = new Places(ALL_MAX);
  /** Exports under way, by login. */
  readonly #users = new Map<string, number>();

  /** A place for an export of `login`; undefined if they, or all together, have too many. */
  take(login: string): Place | undefined {
    const held = this.#users.get(login) ?? 0;
    if (held >= PER_USER_MAX) return undefined;
    const back = this.#all.take()?.keep();
    if (back === undefined) return undefined;
    this.#users.set(login, held + 1);
    return new Place(() => {
      back();
      const left = (this.#users.get(login) ?? 1) - 1;
      if (left > 0) this.#users.set(login, left);
      else this.#users.delete(login);
    });
  }
}
