/** A broken promise of our own code: nobody catches it, the process ends with exit code 70. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Throws {@linkcode InvariantError} unless `condition` holds. For our own mistakes, never for input. */
export function invariant(
  condition: unknown,
  message: string,
): asserts condition {
  if (!condition) throw new InvariantError(message);
}
