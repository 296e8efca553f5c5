/**
 * What the API offers: one description that checks what is asked and that the OpenAPI document is
 * written from. Who may ask what is in auth/permissions.ts, as for pages.
 *
 * @module
 */
import { ROLES } from "../../lib/accounts.ts";
import { COLUMNS } from "../data/columns.ts";
import { EXPORT_FORMATS } from "../data/export.ts";
import { ACTIONS } from "../data/triage.ts";

/** One parameter or member of a body. */
export interface Field {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "strings";
  readonly description: string;
  readonly required?: true;
  readonly choices?: readonly string[];
  readonly min?: number;
  /** Of a number; of a text, characters; of a list, members. */
  readonly max?: number;
  readonly example?: string | number | boolean | readonly string[];
}

export interface Endpoint {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Pattern of the route. */
  readonly path: string;
  readonly summary: string;
  readonly query?: readonly Field[];
  readonly body?: readonly Field[];
  /** Name of the answer's schema in schemas.ts; a media type where it is no JSON; undefined: no content. */
  readonly answer?: string;
}

const Q: Field = {
  name: "q",
  type: "string",
  description: "Query, as in the Explorer; empty: everything",
  max: 4000,
  example: "status:4xx",
};
const FROM: Field = {
  name: "from",
  type: "string",
  description: "Begin: an instant, or before now such as -24h",
  max: 40,
  example: "-24h",
};
const TO: Field = {
  name: "to",
  type: "string",
  description: "End; now, if it is not given",
  max: 40,
  example: "now",
};
const LIMIT: Field = {
  name: "limit",
  type: "integer",
  description: "Rows of a page; 100, if it is not given",
  min: 1,
  max: 500,
  example: 100,
};
const AFTER: Field = {
  name: "after",
  type: "string",
  description: "page.next of the answer before; good for the same query only",
  max: 200,
};
const COLUMNS_FIELD: Field = {
  name: "columns",
  type: "strings",
  description: "Columns, in their order",
  choices: COLUMNS.map((column) => column.id),
  max: 30,
  example: ["time", "ip", "ja4"],
};

export const ENDPOINTS: readonly Endpoint[] = [
  {
    method: "GET",
    path: "/api/v1/me",
    summary: "Who asks",
    answer: "Me",
  },
  {
    method: "GET",
    path: "/api/v1/openapi.json",
    summary: "This document",
    answer: "OpenApi",
  },
  {
    method: "GET",
    path: "/api/v1/events",
    summary: "Live numbers as server-sent events",
    query: [{
      name: "requests",
      type: "string",
      description: "1: the requests themselves too",
      choices: ["1"],
    }],
    answer: "text/event-stream",
  },
  {
    method: "POST",
    path: "/api/v1/search",
    summary: "Requests that match, newest first",
    body: [Q, FROM, TO, COLUMNS_FIELD, LIMIT, AFTER, {
      name: "run",
      type: "string",
      description: "A name of yours by which the search can be cancelled",
      max: 64,
    }],
    answer: "RequestPage",
  },
  {
    method: "DELETE",
    path: "/api/v1/search/:run",
    summary: "Cancel a search of yours",
  },
  {
    method: "POST",
    path: "/api/v1/search/validate",
    summary: "Whether a query can be read, and where it cannot",
    body: [Q],
    answer: "Validation",
  },
  {
    method: "POST",
    path: "/api/v1/search/sql",
    summary: "The statement behind a search",
    body: [Q, FROM, TO, COLUMNS_FIELD],
    answer: "Statement",
  },
  {
    method: "GET",
    path: "/api/v1/export",
    summary: "All requests that match, as a file",
    query: [
      Q,
      FROM,
      TO,
      { ...COLUMNS_FIELD, description: "Columns, between commas" },
      {
        name: "format",
        type: "string",
        description: "Of the file; ndjson, if it is not given",
        choices: EXPORT_FORMATS,
      },
    ],
    answer: "application/octet-stream",
  },
  {
    method: "GET",
    path: "/api/v1/detections",
    summary: "Detections, newest first",
    query: [{ ...Q, example: "severity:critical state:open" }, LIMIT, {
      ...AFTER,
      description: "page.next of the answer before",
    }],
    answer: "DetectionPage",
  },
  {
    method: "GET",
    path: "/api/v1/detections/:id",
    summary: "A detection with its reasons and its history",
    answer: "Detection",
  },
  {
    method: "PATCH",
    path: "/api/v1/detections/:id",
    summary: "Change a detection",
    body: [
      {
        name: "action",
        type: "string",
        description: "What to do",
        required: true,
        choices: ACTIONS,
      },
      {
        name: "note",
        type: "string",
        description: "Why",
        max: 4000,
      },
    ],
    answer: "TriageOutcome",
  },
  {
    method: "GET",
    path: "/api/v1/views",
    summary: "Views that you keep, and those that others share",
    answer: "Views",
  },
  {
    method: "GET",
    path: "/api/v1/users",
    summary: "Accounts",
    answer: "Users",
  },
  {
    method: "PATCH",
    path: "/api/v1/users/:login",
    summary: "Change a role, or disable an account",
    body: [
      {
        name: "role",
        type: "string",
        description: "New role",
        choices: ROLES,
      },
      {
        name: "disabled",
        type: "boolean",
        description: "Whether nobody can log in with it",
      },
    ],
    answer: "User",
  },
  {
    method: "GET",
    path: "/api/v1/audit",
    summary: "The audit log, newest first",
    query: [
      { name: "actor", type: "string", description: "Login", max: 100 },
      { name: "action", type: "string", description: "Action", max: 100 },
      {
        name: "object",
        type: "string",
        description: "A part of what it was done to",
        max: 200,
      },
      { ...AFTER, description: "page.next of the answer before" },
    ],
    answer: "AuditPage",
  },
];

/** The endpoint of a route and method. */
export function endpointOf(
  route: string,
  method: string,
): Endpoint | undefined {
  return ENDPOINTS.find((one) => one.path === route && one.method === method);
}
