/**
 * Who may do what: one table for pages and API. A route or method that is not in it is refused, so
 * that a forgotten line is a page nobody can open and not a page everybody can.
 *
 * @module
 */
import type { Role } from "../../lib/accounts.ts";

/**
 * What a route asks for: `public` needs no login, `machine` needs none on a direct connection from
 * this host and `read` from anywhere else. `sql` is to see statements and to export at length.
 */
export type Permission =
  | "public"
  | "machine"
  | "read"
  | "triage"
  | "sql"
  | "administer";

/** Which permissions a role has. */
const GRANTED: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ["public", "read"],
  analyst: ["public", "read", "triage", "sql"],
  admin: ["public", "read", "triage", "sql", "administer"],
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

  "/": { GET: "read" },
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
  "/health": { GET: "read" },

  "/explore": { GET: "read" },
  "/explore/export": { POST: "read" },
  "/api/v1/search/:run": { DELETE: "read" },
};

/** Whether a role has a permission; nobody has only what is public. */
export function may(role: Role | undefined, permission: Permission): boolean {
  return role === undefined
    ? permission === "public"
    : GRANTED[role].includes(permission);
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
