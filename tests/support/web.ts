/** The dashboard without a port: the real application on a real store, called with Requests. @module */
import { type Role, ROLES } from "../../lib/accounts.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { NetworkSet } from "../../lib/ip_filter.ts";
import { startLog } from "../../lib/log.ts";
import { createApp } from "../../web/app.ts";
import { underBasePath } from "../../web/base_path.ts";
import { PasswordHasher } from "../../web/auth/password.ts";
import { SessionStore } from "../../web/auth/session_store.ts";
import { createServices, type ServiceParts } from "../../web/main.ts";
import type { Services } from "../../web/services.ts";
import { attachBuild } from "../../web/testing.ts";
import type { Store } from "./store.ts";

/** Where a browser would say that it is. */
export const ORIGIN = "http://dashboard.test:8000";

/** Password of every account that {@linkcode startWeb} makes. */
export const PASSWORD = "correct horse battery";

/** The application under test. */
export interface Web extends AsyncDisposable {
  readonly services: Services;
  readonly db: Database;
  readonly app: Database;
  /** Answers as the server would; no redirect is followed. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** The text of a page of `role`. */
  page(path: string, role: Role): Promise<{ status: number; html: string }>;
  /** Posts a form as a page of the dashboard does. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  /** Serves it on 127.0.0.1, under the base path; on a free port where none is named. */
  serve(port?: number): { readonly base: string; shutdown(): Promise<void> };
  /** {@linkcode post} with another method. */
  send(
    method: string,
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  /** A Cookie header of a new session of the account named after the role. */
  signIn(role: Role): Promise<string>;
}

/** Starts it on `store`, with an account for each role, named after it, unless told not to. */
export async function startWeb(
  store: Store,
  parts: Partial<ServiceParts> = {},
  { accounts = true }: { readonly accounts?: boolean } = {},
): Promise<Web> {
  const db = await store.database("web");
  const app = await store.database("app");
  const services = await createServices({
    db,
    app,
    log: await startLog("web", "error"),
    publicOrigin: undefined,
    basePath: "",
    trustedProxies: new NetworkSet([]),
    groupRoles: {
      groups: { viewer: [], analyst: [], admin: [] },
      fallback: undefined,
    },
    oidcOptions: undefined,
    proxyOptions: undefined,
    ...parts,
  });
  if (accounts) await makeAccounts(new SessionStore(app));
  const application = createApp(() => services);
  await attachBuild(application);
  const handler = application.handler();
  const origin = parts.publicOrigin ?? ORIGIN;
  const web: Web = {
    services,
    db,
    app,
    fetch: (path, init) => handler(new Request(origin + path, init)),
    async page(path, role) {
      const cookie = await web.signIn(role);
      const response = await web.fetch(path, { headers: { cookie } });
      return { status: response.status, html: await response.text() };
    },
    serve(port = 0) {
      const server = Deno.serve(
        { hostname: "127.0.0.1", port, onListen: () => {} },
        underBasePath(services.basePath, handler),
      );
      return {
        base: `http://127.0.0.1:${server.addr.port}`,
        async shutdown() {
          // Streams of the live numbers would keep the server open.
          services.live[Symbol.dispose]();
          await server.shutdown();
        },
      };
    },
    post: (path, fields, headers) => web.send("POST", path, fields, headers),
    send(method, path, fields, headers = {}) {
      const body = new URLSearchParams(fields).toString();
      return web.fetch(path, {
        method,
        body,
        headers: {
          origin,
          "sec-fetch-site": "same-origin",
          "content-type": "application/x-www-form-urlencoded",
          "content-length": String(body.length),
          ...headers,
        },
      });
    },
    async signIn(role) {
      const token = await services.sessions.open(
        { login: role, display_name: `The ${role}`, role },
        { src_ip: "127.0.0.1", user_agent: "test" },
      );
      return `${origin.startsWith("https:") ? "__Host-s" : "s"}=${token}`;
    },
    async [Symbol.asyncDispose]() {
      services[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
  return web;
}

async function makeAccounts(store: SessionStore): Promise<void> {
  const password_hash = await (await PasswordHasher.create()).hash(PASSWORD);
  for (const role of ROLES) {
    await store.putAccount({
      login: role,
      display_name: `The ${role}`,
      role,
      password_hash,
    });
  }
}
