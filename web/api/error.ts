/** What goes wrong with a call of the API: application/problem+json (RFC 9457). @module */

/** Kinds of problems; each has its paragraph at /docs/api#problem-KIND. */
export const PROBLEMS = {
  validation: "The request does not fit its description; errors says where.",
  "query-syntax":
    "The query cannot be read; position and hint say where and what may be meant.",
  unauthenticated: "No valid token or session came with the request.",
  forbidden: "The role, or the token's scopes, do not allow it.",
  "not-found": "There is nothing of that name.",
  conflict: "What is asked for does not fit what is there.",
  "precondition-failed":
    "It has changed since the version that If-Match names was read.",
  "too-many-requests": "Wait as long as Retry-After says.",
  "query-timeout": "The database took too long; a shorter range may help.",
  "storage-unavailable": "The database does not answer.",
  error: "A fault of the dashboard; its log has the details under instance.",
} as const;
export type ProblemKind = keyof typeof PROBLEMS;

/** One thing that is wrong. */
export interface ApiFault {
  /** JSON pointer into the body, or `?name` of a parameter. */
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

/** A call that cannot be answered. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly kind: ProblemKind;
  readonly members: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    kind: ProblemKind,
    detail: string,
    members: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.status = status;
    this.kind = kind;
    this.members = members;
    this.headers = headers;
  }
}

/** The kind of a status that nothing more is known of. */
export function kindOf(status: number): ProblemKind {
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 415:
      return "validation";
    case 401:
      return "unauthenticated";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 409:
      return "conflict";
    case 412:
      return "precondition-failed";
    case 429:
      return "too-many-requests";
    case 503:
      return "storage-unavailable";
    default:
      return "error";
  }
}
