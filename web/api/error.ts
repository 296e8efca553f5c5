/** What goes wrong with a call of the API: application/problem+json (RFC 9457). @module */

/** Kinds of problems; each has its page at /problems/KIND. */
export const PROBLEMS = {
  validation:
    "The request does not fit its description (/docs/api); errors says where.",
  "query-syntax":
    "The query cannot be read; position and hint say where and what may be meant.",
  unauthenticated:
    "No valid token or session came with the request; tokens are made in Settings and sent as Authorization: Bearer.",
  forbidden:
    "The role, or the token's scopes, do not allow it; an administrator gives roles, a token is made anew for other scopes.",
  "not-found": "There is nothing of that name, or no longer.",
  conflict:
    "What is asked for does not fit what is there, and nothing was changed; look at it again.",
  "precondition-failed":
    "It has changed since the version that If-Match names was read, and was left so; read it again and send the new ETag.",
  "too-many-requests": "Wait as long as Retry-After says.",
  "query-timeout": "The database took too long; a shorter range may help.",
  "storage-unavailable":
    "The database does not answer; try again in some seconds. System health says since when.",
  error: "A fault of the dashboard; its log has the details under instance.",
} as const;
export type ProblemKind = keyof typeof PROBLEMS;

/** Statuses that a kind comes with. */
export const PROBLEM_STATUS: Readonly<Record<ProblemKind, readonly number[]>> =
  {
    validation: [400, 405, 413, 415],
    "query-syntax": [400],
    unauthenticated: [401],
    forbidden: [403],
    "not-found": [404],
    conflict: [409],
    "precondition-failed": [412],
    "too-many-requests": [429],
    "query-timeout": [503],
    "storage-unavailable": [503],
    error: [500],
  };

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
  if (status === 503) return "storage-unavailable";
  const known = Object.entries(PROBLEM_STATUS)
    .find(([, statuses]) => statuses.includes(status));
  return known === undefined ? "error" : known[0] as ProblemKind;
}
