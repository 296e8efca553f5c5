/**
 * The builder's fields `field`, `op` and `value` as the text of a condition; a value that could be read
 * as anything else is put in quotes.
 */
export function conditionText(read: (name: string) => string): string {
  const [field, op, value] = ["field", "op", "value"].map((name) =>
    read(name).trim()
  ) as [string, string, string];
  const written = /^[^\s()"\\]+$/.test(value)
    ? value
    : `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  return op === "!:"
    ? `-${field}:${written}`
    : `${field}${op === "" ? ":" : op}${written}`;
}
