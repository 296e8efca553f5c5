/** Errors of the API: application/problem+json (RFC 9457). @module */
import { STATUS_CODES } from "node:http";
import type { ProblemKind } from "./api/error.ts";

/** The members that every problem of ours has, and those of its kind. */
export interface Problem {
  readonly status: number;
  readonly kind: ProblemKind;
  readonly detail: string;
  /** Folder of the site that the dashboard is. */
  readonly base: string;
  /** Identifier of the request, to find it in the log. */
  readonly instance: string;
  /** More, by the kind. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The response for an API call that failed. The type is a page that explains it. */
export function problem(
  { status, kind, detail, base, instance, members = {}, headers = {} }: Problem,
): Response {
  return Response.json({
    type: `${base}/problems/${kind}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    instance,
    ...members,
  }, {
    status,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}
