/** Errors an operator meets, and the exit codes they end a process with. @module */

/** Exit codes of sysexits(3), the ones this project uses. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  dataFormat: 65,
  noInput: 66,
  unavailable: 69,
  software: 70,
  noPermission: 77,
  config: 78,
} as const;

/** What kind of failure ends the process; each has its exit code in {@linkcode EXIT}. */
export type ExitName = keyof typeof EXIT;

/**
 * A failure that ends the process. The message says what was attempted, what was found and what
 * to do; it is printed without a stack.
 */
export class FatalError extends Error {
  override readonly name = "FatalError";
  readonly exit: ExitName;
  constructor(exit: ExitName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exit = exit;
  }
}

/** The message of anything thrown, for a log field or as the cause in another message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
