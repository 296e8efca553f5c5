/** What an API call asks for, checked against its description. @module */
import type { Context } from "fresh";
import { invariant } from "../../lib/invariant.ts";
import type { State } from "../utils.ts";
import { endpointOf, type Field } from "./endpoints.ts";
import { ApiError, type ApiFault } from "./error.ts";

/** Bytes of the largest body. */
const BODY_MAX = 64 * 1024;

/** Values of the fields that were given. */
export interface Asked {
  text(name: string): string;
  number(name: string): number | undefined;
  flag(name: string): boolean | undefined;
  list(name: string): readonly string[];
  /** All of them in one spelling. */
  readonly canonical: string;
}

/** Reads the query and the body of a call. @throws {ApiError} 400, 413 or 415 */
export async function readCall(ctx: Context<State>): Promise<Asked> {
  const endpoint = endpointOf(ctx.route ?? "", ctx.req.method);
  invariant(endpoint !== undefined, `${ctx.route} is not described`);
  const values = new Map<string, unknown>();
  const faults: ApiFault[] = [];
  for (const field of endpoint.query ?? []) {
    const text = ctx.url.searchParams.get(field.name);
    if (text === null) {
      if (field.required) faults.push(missing(`?${field.name}`));
      continue;
    }
    check(field, fromText(field, text), `?${field.name}`, values, faults);
  }
  if (endpoint.body !== undefined) {
    const body = await readBody(ctx.req);
    const known = endpoint.body.map((field) => field.name);
    for (const name of Object.keys(body)) {
      if (!known.includes(name)) {
        faults.push({
          pointer: `/${name.slice(0, 60)}`,
          code: "unknown",
          detail: `Known are ${known.join(", ")}`,
        });
      }
    }
    for (const field of endpoint.body) {
      const value = body[field.name];
      if (value !== undefined && value !== null) {
        check(field, value, `/${field.name}`, values, faults);
      } else if (field.required) {
        faults.push(missing(`/${field.name}`));
      }
    }
  }
  if (faults.length > 0) {
    throw new ApiError(400, "validation", "The request cannot be understood", {
      errors: faults,
    });
  }
  return {
    text: (name) => String(values.get(name) ?? ""),
    number: (name) => values.get(name) as number | undefined,
    flag: (name) => values.get(name) as boolean | undefined,
    list: (name) => (values.get(name) ?? []) as readonly string[],
    canonical: JSON.stringify([...values]),
  };
}

function missing(pointer: string): ApiFault {
  return { pointer, code: "missing", detail: "It has to be given" };
}

async function readBody(request: Request): Promise<Record<string, unknown>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\b/.test(type)) {
    throw new ApiError(
      415,
      "validation",
      "The body has to be application/json",
    );
  }
  const length = Number(request.headers.get("content-length") ?? Infinity);
  if (!(length <= BODY_MAX)) {
    throw new ApiError(413, "validation", "The body is too long");
  }
  try {
    const body: unknown = JSON.parse(await request.text());
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      return body as Record<string, unknown>;
    }
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  throw new ApiError(400, "validation", "The body has to be a JSON object");
}

function fromText(field: Field, text: string): unknown {
  switch (field.type) {
    case "integer":
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "strings":
      return text.split(",").filter((one) => one !== "");
    case "string":
      return text;
  }
}

function check(
  field: Field,
  value: unknown,
  pointer: string,
  values: Map<string, unknown>,
  faults: ApiFault[],
): void {
  const detail = faultOf(field, value);
  if (detail === undefined) values.set(field.name, value);
  else faults.push({ pointer, code: "invalid", detail });
}

/** What is wrong with a value of a field; undefined if nothing is. */
export function faultOf(field: Field, value: unknown): string | undefined {
  const { type, choices, min = 0, max = Infinity } = field;
  switch (type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "Expected true or false";
    case "integer":
      return typeof value === "number" && Number.isInteger(value) &&
          value >= min && value <= max
        ? undefined
        : `Expected a whole number from ${min} to ${max}`;
    case "strings":
      if (
        !Array.isArray(value) || value.length > max ||
        !value.every((one) => typeof one === "string")
      ) return `Expected a list of at most ${max} texts`;
      return choices === undefined ||
          value.every((one) => choices.includes(one))
        ? undefined
        : `Known are ${choices.join(", ")}`;
    case "string":
      if (typeof value !== "string" || value.length > max) {
        return `Expected a text of at most ${max} characters`;
      }
      return choices === undefined || choices.includes(value)
        ? undefined
        : `Expected one of ${choices.join(", ")}`;
  }
}
