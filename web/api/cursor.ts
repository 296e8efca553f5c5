/**
 * Where the next page of an answer begins: the sort values of the last row, tied to what was asked, so that
 * a cursor which is used with another filter is refused and no row is missed without a word.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { ApiError } from "./error.ts";

/**
 * @param values of the last row, in the order of the sort.
 * @param about what was asked: everything that decides which rows there are.
 */
export function writeCursor(values: readonly string[], about: unknown): string {
  const text = JSON.stringify([checkOf(about), ...values]);
  return new TextEncoder().encode(text)
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * The values of a cursor, each as its pattern says; undefined for the first page.
 *
 * @param pointer where the call has it: `?after` or `/after`.
 * @throws {ApiError} 400 if it is none, or of another question.
 */
export function readCursor(
  text: string,
  about: unknown,
  { patterns, pointer }: {
    readonly patterns: readonly RegExp[];
    readonly pointer: string;
  },
): readonly string[] | undefined {
  if (text === "") return undefined;
  const [check, ...values] = decode(text);
  if (
    check === checkOf(about) && values.length === patterns.length &&
    patterns.every((pattern, index) => pattern.test(values[index] ?? ""))
  ) return values;
  const detail = "It is not the page.next of an answer to this question";
  throw new ApiError(400, "validation", "after is of another question", {
    errors: [{ pointer, code: "invalid", detail }],
  });
}

function decode(text: string): readonly string[] {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (
      Array.isArray(value) && value.every((one) => typeof one === "string")
    ) return value;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  return [];
}

/** Not a secret: who forges a cursor gets rows that they may read anyway. */
function checkOf(about: unknown): string {
  return createHash("sha256").update(JSON.stringify(about))
    .digest("base64url").slice(0, 12);
}
