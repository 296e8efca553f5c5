/**
 * What the API offers: one description that checks what is asked and that the OpenAPI document is
 * written from. Who may ask what is in auth/permissions.ts, as for pages.
 *
 * @module
 */
import { ROLES } from "../../lib/accounts.ts";
import { COLUMNS } from "../data/columns.ts";
import { EXPORT_FORMATS } from "../data/export.ts";
import { TOKEN_DAYS, TOKEN_DAYS_MAX } from "../auth/api_tokens.ts";
import { SCOPES } from "../auth/permissions.ts";
import {
  ENTRY_DAYS,
  ENTRY_TRIAL_DAYS,
  LISTS,
  REASON_MAX,
} from "../data/client_lists.ts";
import { RULE_ACTIONS, RULE_DAYS, TRIAL_DAYS } from "../data/triage_rules.ts";
import { TOP_ORDERS } from "../data/top.ts";
import { ACTIONS, BULK_MAX, NOTE_MAX, UNDO_MIN } from "../data/triage.ts";
import { TOP_DIMENSIONS } from "./overview.ts";

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
  /** What the path's parameters may be, where it is not any text. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** A call with an Idempotency-Key that is sent again is done once. */
  readonly idempotent?: true;
  /** Its answer carries an ETag: `read` asks with If-None-Match, `change` with If-Match. */
  readonly tagged?: "read" | "change";
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

const TRIAGE: readonly Field[] = [
  {
    name: "action",
    type: "string",
    description: "What to do",
    required: true,
    choices: ACTIONS,
  },
  { name: "note", type: "string", description: "Why", max: NOTE_MAX },
  {
    name: "assignee",
    type: "string",
    description: "Login of whom to assign it to; you, if it is not given",
    max: 64,
  },
];

const RULE_QUERY: Field = {
  name: "query",
  type: "string",
  description: "Which detections, in the query language",
  required: true,
  max: 4000,
  example: "ip:198.51.100.7 severity:low",
};

const ENTITY_CALLS: readonly Endpoint[] = ([
  ["ips/:ip", "an address"],
  ["nets/:cidr*", "a network, such as 192.0.2.0/24"],
  ["asns/:n", "an AS number"],
  ["countries/:cc", "a country by its two letters"],
  ["hosts/:host", "a host"],
  ["ja4/:ja4", "a JA4"],
  ["uas/:hash", "a user agent, by the hash of its page"],
] as const).map(([path, what]) => ({
  method: "GET",
  path: `/api/v1/${path}`,
  summary: `What is known of ${what}`,
  tagged: "read",
  query: [FROM, TO],
  answer: "Entity",
}));

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
    method: "GET",
    path: "/api/v1/overview",
    summary: "The figures on top of the Overview",
    query: [FROM, TO],
    answer: "Overview",
  },
  {
    method: "GET",
    path: "/api/v1/timeseries",
    summary: "Requests over time by traffic class, and what is usual",
    query: [FROM, TO],
    answer: "Timeseries",
  },
  {
    method: "GET",
    path: "/api/v1/top",
    summary: "JA4s, addresses, networks, countries or hosts in order",
    query: [FROM, TO, {
      name: "dim",
      type: "string",
      description: "Of what",
      required: true,
      choices: TOP_DIMENSIONS,
      example: "ja4",
    }, {
      name: "order",
      type: "string",
      description: "By what; requests, if it is not given",
      choices: TOP_ORDERS,
    }],
    answer: "Top",
  },
  {
    method: "GET",
    path: "/api/v1/ja4/:ja4/decode",
    summary: "A JA4 in words, with the lists behind it once they are captured",
    answer: "DecodedJa4",
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
    summary: "Detections, newest first; page.as_of and page.total are for bulk",
    query: [{ ...Q, example: "severity:critical state:open" }, LIMIT, {
      ...AFTER,
      description: "page.next of the answer before",
    }],
    answer: "DetectionPage",
  },
  {
    method: "POST",
    path: "/api/v1/detections/bulk",
    summary:
      "Change those named, or all that matched q as_of a moment; 409 where they are not as many as expected",
    idempotent: true,
    body: [
      ...TRIAGE,
      {
        name: "ids",
        type: "strings",
        description: "Which; instead of q",
        max: BULK_MAX,
      },
      { ...Q, example: "ip:192.0.2.0/24 state:open" },
      {
        name: "as_of",
        type: "string",
        description: "page.as_of of the list that you saw",
        max: 40,
      },
      {
        name: "expected",
        type: "integer",
        description: "page.total of the list that you saw",
        min: 0,
        max: BULK_MAX,
      },
    ],
    answer: "BulkOutcome",
  },
  {
    method: "POST",
    path: "/api/v1/undo/:token",
    summary: `Take back what you did, for ${UNDO_MIN} minutes`,
    answer: "BulkOutcome",
  },
  {
    method: "GET",
    path: "/api/v1/detections/:id",
    summary: "A detection with its reasons and its history",
    tagged: "read",
    answer: "Detection",
  },
  {
    method: "PATCH",
    path: "/api/v1/detections/:id",
    summary: "Change a detection",
    tagged: "change",
    body: TRIAGE,
    answer: "TriageOutcome",
  },
  {
    method: "GET",
    path: "/api/v1/detections/:id/requests",
    summary: "The newest requests that a detection is about",
    query: [LIMIT],
    answer: "DetectionRequests",
  },
  {
    method: "GET",
    path: "/api/v1/detections/:id/events",
    summary: "What was done to a detection, newest first",
    answer: "DetectionEvents",
  },
  {
    method: "POST",
    path: "/api/v1/detections/:id/notes",
    summary: "Write a note on a detection",
    idempotent: true,
    body: [{
      name: "note",
      type: "string",
      description: "The note",
      required: true,
      max: NOTE_MAX,
      example: "asked the owner of the address",
    }],
    answer: "TriageOutcome",
  },
  {
    method: "GET",
    path: "/api/v1/verdicts.ndjson",
    summary: "What people said of detections, a line each: labels for a model",
    query: [FROM, TO],
    answer: "application/x-ndjson",
  },
  {
    method: "GET",
    path: "/api/v1/health",
    summary: "Lag, losses and correlation of the pipeline",
    answer: "Health",
  },
  {
    method: "GET",
    path: "/api/v1/views",
    summary: "Views that you keep, and those that others share",
    answer: "Views",
  },
  {
    method: "POST",
    path: "/api/v1/views",
    summary: "Keep a page under a name; one of the same name is replaced",
    body: [
      {
        name: "name",
        type: "string",
        description: "Its name",
        required: true,
        max: 80,
        example: "Scanners of today",
      },
      {
        name: "path",
        type: "string",
        description: "Path and parameters of the page",
        required: true,
        max: 4000,
        example: "/explore?q=status:404&from=-24h",
      },
      {
        name: "shared",
        type: "boolean",
        description: "Whether others see it",
        example: false,
      },
    ],
    answer: "View",
  },
  {
    method: "DELETE",
    path: "/api/v1/views/:id",
    summary: "Remove a view",
  },
  ...ENTITY_CALLS,
  {
    method: "GET",
    path: "/api/v1/ja4/:ja4/similar",
    summary: "Fingerprints that share section a, b or c, and what differs",
    answer: "SimilarJa4s",
  },
  {
    method: "GET",
    path: "/api/v1/rules",
    summary: "Rules of triage, newest first",
    answer: "Rules",
  },
  {
    method: "POST",
    path: "/api/v1/rules",
    summary: "Add a rule; it acts at once on detections that nobody touched",
    idempotent: true,
    body: [
      {
        name: "name",
        type: "string",
        description: "Its name, in the history of what it changes",
        required: true,
        max: 60,
        example: "our own monitor",
      },
      RULE_QUERY,
      {
        name: "action",
        type: "string",
        description: "What it does",
        required: true,
        choices: Object.keys(RULE_ACTIONS),
        example: "archive",
      },
      {
        name: "days",
        type: "integer",
        description: `How long it holds: ${
          RULE_DAYS.join(", ")
        }; 0 is until it is removed; 30, if it is not given`,
        min: 0,
        max: 90,
        example: 30,
      },
    ],
    answer: "Rule",
  },
  {
    method: "DELETE",
    path: "/api/v1/rules/:id",
    summary: "Remove a rule",
  },
  {
    method: "POST",
    path: "/api/v1/rules/preview",
    summary: `What a rule would have met in the last ${TRIAL_DAYS} days`,
    body: [RULE_QUERY],
    answer: "RuleTrial",
  },
  {
    method: "GET",
    path: "/api/v1/tokens",
    summary: "Your tokens; with a session alone",
    answer: "Tokens",
  },
  {
    method: "POST",
    path: "/api/v1/tokens",
    summary: "Make a token, which is shown this once; with a session alone",
    body: [
      {
        name: "name",
        type: "string",
        description: "What you call it",
        required: true,
        max: 80,
        example: "firewall",
      },
      {
        name: "scopes",
        type: "strings",
        description: "What it may do, within your role",
        required: true,
        choices: SCOPES,
        max: SCOPES.length,
        example: ["lists:read"],
      },
      {
        name: "networks",
        type: "strings",
        description: "From where it may be used; from anywhere, if not given",
        max: 20,
        example: ["192.0.2.0/24"],
      },
      {
        name: "days",
        type: "integer",
        description: `Days that it is good for; ${TOKEN_DAYS}, if not given`,
        min: 1,
        max: TOKEN_DAYS_MAX,
        example: 30,
      },
    ],
    answer: "NewToken",
  },
  {
    method: "DELETE",
    path: "/api/v1/tokens/:id",
    summary: "Revoke a token of yours; with a session alone",
  },
  {
    method: "GET",
    path: "/api/v1/lists",
    summary: "Entries of the lists that the detector honours, newest first",
    query: [{
      name: "list",
      type: "string",
      description: "Of this list alone",
      choices: LISTS,
    }],
    answer: "ListEntries",
  },
  {
    method: "POST",
    path: "/api/v1/lists",
    summary: "Add an entry; one about the same value is replaced",
    idempotent: true,
    body: [
      {
        name: "list",
        type: "string",
        description: "Which",
        required: true,
        choices: LISTS,
        example: "watch",
      },
      {
        name: "value",
        type: "string",
        description: "Address, network, JA4 or host",
        required: true,
        max: 255,
        example: "198.51.100.0/24",
      },
      {
        name: "reason",
        type: "string",
        description: "Why",
        required: true,
        max: REASON_MAX,
        example: "tests of our own",
      },
      {
        name: "days",
        type: "integer",
        description: `How long it holds: ${
          ENTRY_DAYS.join(", ")
        }; 0 is until it is removed; 30, if it is not given`,
        min: 0,
        max: 90,
        example: 7,
      },
    ],
    answer: "ListEntry",
  },
  {
    method: "GET",
    path: "/api/v1/lists/:id",
    summary:
      "A list as a file: deny.txt has an address or network a line, deny.json all of each entry; likewise watch and allow",
    choices: {
      id: LISTS.flatMap((list) => [`${list}.txt`, `${list}.json`]),
    },
    query: [{
      name: "key",
      type: "string",
      description:
        "A token whose only scope is lists:read, for servers that send no header",
      max: 80,
    }],
    answer: "text/plain",
  },
  {
    method: "DELETE",
    path: "/api/v1/lists/:id",
    summary: "Remove an entry",
  },
  {
    method: "POST",
    path: "/api/v1/lists/preview",
    summary:
      `Whom an entry would have named in the last ${ENTRY_TRIAL_DAYS} days`,
    body: [{
      name: "value",
      type: "string",
      description: "Address, network, JA4 or host",
      required: true,
      max: 255,
      example: "198.51.100.0/24",
    }],
    answer: "EntryTrial",
  },
  {
    method: "GET",
    path: "/api/v1/users",
    summary: "Accounts",
    answer: "Users",
  },
  {
    method: "GET",
    path: "/api/v1/users/:login",
    summary: "An account",
    tagged: "read",
    answer: "User",
  },
  {
    method: "PATCH",
    path: "/api/v1/users/:login",
    summary: "Change a role, or disable an account",
    tagged: "change",
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

/** The endpoint of a route and method; HEAD asks what GET does (RFC 9110, 9.3.2). */
export function endpointOf(
  route: string,
  method: string,
): Endpoint | undefined {
  const asked = method === "HEAD" ? "GET" : method;
  return ENDPOINTS.find((one) => one.path === route && one.method === asked);
}
