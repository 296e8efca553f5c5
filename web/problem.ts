/** Errors of the API: application/problem+json (RFC 9457). @module */
import { STATUS_CODES } from "node:http";

/** The members that every problem of ours has. */
export interface Problem {
  readonly status: number;
  readonly detail: string;
  /** Identifier of the request, to find it in the log. */
  readonly instance: string;
}

/** The response for an API call that failed. Types are not needed beyond the status: `about:blank`. */
export function problem(fields: Problem): Response {
  return Response.json({
    type: "about:blank",
    title: STATUS_CODES[fields.status] ?? "Error",
    ...fields,
  }, {
    status: fields.status,
    headers: { "content-type": "application/problem+json" },
  });
}
