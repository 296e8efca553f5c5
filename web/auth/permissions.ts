/**
 * Who may do what: one table for pages and API. A route or method that is not in it is refused, so
 * that a forgotten line is a page nobody can open and not a page everybody can.
 *
 * @module
 */
import type { Role } from "../../lib/accounts.ts";

/**
 * What a route asks for:
 * - `public`: nothing, not even a login
 * - `machine`: nothing on a direct connection from this host, `read` from anywhere else
 * - `self`: to be logged in in person: one's own settings, which no token may touch
 * - `sql`: to see statements and to export at length
 */
export type Permission =
  | "public"
  | "machine"
  | "self"
  | "read"
  | "export"
  | "triage"
  | "lists:read"
  | "lists:write"
  | "sql"
  | "administer";

/** Which permissions a role has. */
const GRANTED: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ["public", "self", "read", "lists:read", "export"],
  analyst: [
    "public",
    "self",
    "read",
    "lists:read",
    "export",
    "triage",
    "lists:write",
    "sql",
  ],
  admin: [
    "public",
    "self",
    "read",
    "lists:read",
    "export",
    "triage",
    "lists:write",
    "sql",
    "administer",
  ],
};

/** What a token may be for; each narrows the role of its owner. */
export const SCOPES = [
  "read",
  "export",
  "triage",
  "lists:read",
  "lists:write",
  "admin",
] as const;
export type Scope = typeof SCOPES[number];

const GRANTED_BY_SCOPE: Readonly<Record<Scope, readonly Permission[]>> = {
  read: ["read", "lists:read"],
  export: ["export", "sql"],
  triage: ["triage"],
  "lists:read": ["lists:read"],
  "lists:write": ["lists:read", "lists:write"],
  admin: ["administer"],
};

/** Methods a route answers; HEAD is allowed where GET is. */
type Methods = Readonly<
  Partial<Record<"GET" | "POST" | "PUT" | "PATCH" | "DELETE", Permission>>
>;

/** By pattern of the route, as `ctx.route` gives it. */
export const PERMISSIONS: Readonly<Record<string, Methods>> = {
  "/login": { GET: "public", POST: "public" },
  "/setup": { GET: "public", POST: "public" },
  "/logout": { POST: "public" },
  "/preferences": { POST: "public" },
  "/healthz": { GET: "public" },
  "/readyz": { GET: "public" },
  "/metrics": { GET: "machine" },
  "/api/v1/events": { GET: "read" },
  "/api/v1/me": { GET: "read" },

  "/": { GET: "read", POST: "triage" },
  "/search": { GET: "read" },
  "/detections": { GET: "read", POST: "triage" },
  "/detections/:id": { GET: "read", POST: "triage" },
  "/detections/:id/preview": { GET: "read" },
  "/ip/:ip": { GET: "read" },
  "/ja4/:ja4": { GET: "read" },
  "/net/:prefix*": { GET: "read" },
  "/asn/:n": { GET: "read" },
  "/country/:cc": { GET: "read" },
  "/hosts/:host": { GET: "read" },
  "/ua/:hash": { GET: "read" },
  "/value": { GET: "read" },
  "/rules": { GET: "read", POST: "triage" },
  "/lists": { GET: "lists:read", POST: "lists:write" },
  "/health": { GET: "read" },

  "/explore": { GET: "read" },
  "/explore/export": { POST: "export" },
  "/live": { GET: "read" },
  "/views": { GET: "self", POST: "self" },
  "/help": { GET: "read" },
  "/docs/api": { GET: "read" },
  "/settings": { GET: "self", POST: "self" },
  "/settings/tokens": { GET: "self", POST: "self" },
  "/users": { GET: "administer", POST: "administer" },
  "/users/:login": { GET: "administer", POST: "administer" },
  "/audit": { GET: "administer" },
  "/audit/export": { POST: "administer" },
  "/problems/:kind": { GET: "public" },
  "/auth/oidc/start": { GET: "public" },
  "/auth/oidc/callback": { GET: "public" },
  "/api/v1/openapi.json": { GET: "read" },
  "/api/v1/search": { POST: "read" },
  "/api/v1/search/:run": { DELETE: "read" },
  "/api/v1/search/validate": { POST: "read" },
  "/api/v1/search/sql": { POST: "sql" },
  "/api/v1/export": { GET: "export" },
  "/api/v1/overview": { GET: "read" },
  "/api/v1/timeseries": { GET: "read" },
  "/api/v1/top": { GET: "read" },
  "/api/v1/ja4/:ja4/decode": { GET: "read" },
  "/api/v1/undo/:token": { POST: "triage" },
  "/api/v1/detections": { GET: "read" },
  "/api/v1/detections/bulk": { POST: "triage" },
  "/api/v1/detections/:id": { GET: "read", PATCH: "triage" },
  "/api/v1/ips/:ip": { GET: "read" },
  "/api/v1/nets/:cidr*": { GET: "read" },
  "/api/v1/asns/:n": { GET: "read" },
  "/api/v1/countries/:cc": { GET: "read" },
  "/api/v1/hosts/:host": { GET: "read" },
  "/api/v1/ja4/:ja4": { GET: "read" },
  "/api/v1/ja4/:ja4/similar": { GET: "read" },
  "/api/v1/uas/:hash": { GET: "read" },
  "/api/v1/detections/:id/requests": { GET: "read" },
  "/api/v1/detections/:id/events": { GET: "read" },
  "/api/v1/detections/:id/notes": { POST: "triage" },
  "/api/v1/verdicts.ndjson": { GET: "export" },
  "/api/v1/lists": { GET: "lists:read", POST: "lists:write" },
  "/api/v1/lists/:id": { GET: "lists:read", DELETE: "lists:write" },
  "/api/v1/lists/preview": { POST: "lists:write" },
  "/api/v1/rules": { GET: "read", POST: "triage" },
  "/api/v1/rules/:id": { DELETE: "triage" },
  "/api/v1/rules/preview": { POST: "triage" },
  "/api/v1/views": { GET: "read", POST: "self" },
  "/api/v1/views/:id": { DELETE: "self" },
  "/api/v1/tokens": { GET: "self", POST: "self" },
  "/api/v1/tokens/:id": { DELETE: "self" },
  "/api/v1/health": { GET: "read" },
  "/api/v1/users": { GET: "administer" },
  "/api/v1/users/:login": { GET: "administer", PATCH: "administer" },
  "/api/v1/audit": { GET: "administer" },
};

/**
 * Whether a role has a permission; nobody has only what is public.
 *
 * @param scopes of the token that was shown; undefined: the person is here.
 */
export function may(
  role: Role | undefined,
  permission: Permission,
  scopes?: readonly Scope[],
): boolean {
  if (role === undefined || permission === "public") {
    return permission === "public";
  }
  return GRANTED[role].includes(permission) && (scopes === undefined ||
    scopes.some((scope) => GRANTED_BY_SCOPE[scope].includes(permission)));
}

/** Whether a role has anything that a token of the scope could do. */
export function mayScope(role: Role | undefined, scope: Scope): boolean {
  return GRANTED_BY_SCOPE[scope].some((permission) => may(role, permission));
}

/** What a route asks for; undefined means that it is refused to everybody. */
export function permissionOf(
  route: string,
  method: string,
): Permission | undefined {
  const methods = PERMISSIONS[route];
  if (methods === undefined) return undefined;
  const name = method === "HEAD" ? "GET" : method;
  return Object.hasOwn(methods, name)
    ? methods[name as keyof Methods]
    : undefined;
}
