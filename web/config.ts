/** The dashboard's configuration: its schema, and what of it becomes services. @module */
import * as v from "valibot";
import { ROLES } from "../lib/accounts.ts";
import { clickhouseSection } from "../lib/clickhouse.ts";
import { listenAddress } from "../lib/config.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { networkList, NetworkSet } from "../lib/ip_filter.ts";
import type { OidcOptions } from "./auth/oidc.ts";
import type { ProxyAuthOptions } from "./auth/proxy_auth.ts";
import type { GroupRoles } from "./auth/roles.ts";

const groups = v.optional(
  v.array(v.string(), 'expected a list of names such as ["soc"]'),
  [],
);
const text = v.pipe(v.string("expected a text"), v.nonEmpty("expected a text"));
const header = v.pipe(
  v.string("expected the name of a header"),
  v.regex(/^[A-Za-z0-9-]+$/, "expected the name of a header"),
);

export const schema = v.strictObject({
  web: v.optional(
    v.strictObject({
      listen: v.optional(listenAddress(), "127.0.0.1:8000"),
      public_url: v.optional(v.pipe(
        v.string('expected "https://host" or "https://host/folder"'),
        v.check(
          isPublicUrl,
          'expected "https://host" or "https://host/folder"',
        ),
      )),
      trusted_proxies: v.optional(networkList(), []),
    }),
    {},
  ),
  clickhouse: clickhouseSection("web"),
  app: clickhouseSection("app"),
  roles: v.optional(
    v.strictObject({
      admin: groups,
      analyst: groups,
      viewer: groups,
      default: v.optional(
        v.picklist(
          ["none", ...ROLES],
          'expected "none", "viewer", "analyst" or "admin"',
        ),
        "none",
      ),
    }),
    {},
  ),
  oidc: v.optional(v.strictObject({
    url: v.pipe(
      v.string('expected the issuer, "https://host/path"'),
      v.check(isIssuer, 'expected the issuer, "https://host/path"'),
    ),
    client_id: text,
    client_secret: v.optional(text),
    client_secret_file: v.optional(text),
    scopes: v.optional(text, "openid profile email groups"),
    login_claim: v.optional(text, "preferred_username"),
    groups_claim: v.optional(text, "groups"),
    name: v.optional(text, "single sign-on"),
  })),
  proxy_auth: v.optional(v.strictObject({
    user_header: v.optional(header, "X-Forwarded-User"),
    groups_header: v.optional(header, "X-Forwarded-Groups"),
  })),
  log: v.optional(
    v.strictObject({
      level: v.optional(
        v.picklist(["debug", "info", "warning", "error"]),
        "info",
      ),
    }),
    {},
  ),
});

export type WebConfig = v.InferOutput<typeof schema>;

export const HELP =
  `  [web] listen           address:port (default 127.0.0.1:8000)
  [web] public_url       URL that browsers use where a proxy stands in front; a folder is the base path
  [web] trusted_proxies  networks whose X-Forwarded-For, and whose word on who it is, are believed
  [clickhouse] [app]     url, database, username, password or password_file of the
                         accounts that read everything and that write what people enter
  [roles]                admin, analyst, viewer: names of groups; default: role of the others, or "none"
  [oidc]                 log in by an OpenID provider: url (its issuer), client_id, client_secret or
                         client_secret_file, scopes, login_claim, groups_claim, name (on the button)
  [proxy_auth]           log in by a trusted proxy: user_header, groups_header`;

function isPublicUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.search === "" &&
    url.hash === "" && url.username === "" &&
    /^(?:\/[\w.~-]+)*\/?$/.test(url.pathname);
}

function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  const local = url?.hostname === "127.0.0.1" || url?.hostname === "localhost";
  return url !== null && (url.protocol === "https:" || local) &&
    url.search === "" && url.hash === "";
}

/** What {@linkcode accessParts} gives: who is believed, and where the dashboard is. */
export interface AccessParts {
  readonly publicOrigin: string | undefined;
  readonly basePath: string;
  readonly trustedProxies: NetworkSet;
  readonly groupRoles: GroupRoles;
  readonly oidcOptions: OidcOptions | undefined;
  readonly proxyOptions: ProxyAuthOptions | undefined;
}

/** @throws {FatalError} `noInput` if a secret's file cannot be read, `config` if parts do not fit. */
export async function accessParts(config: WebConfig): Promise<AccessParts> {
  const { public_url, trusted_proxies } = config.web;
  const url = public_url === undefined ? undefined : new URL(public_url);
  const { default: fallback, ...groups } = config.roles;
  const groupRoles: GroupRoles = {
    groups,
    fallback: fallback === "none" ? undefined : fallback,
  };
  if (config.proxy_auth !== undefined && trusted_proxies.length === 0) {
    throw new FatalError(
      "config",
      "Cannot believe a proxy who it is: [proxy_auth] needs [web] trusted_proxies",
    );
  }
  return {
    publicOrigin: url?.origin,
    basePath: url === undefined ? "" : url.pathname.replace(/\/$/, ""),
    trustedProxies: new NetworkSet(trusted_proxies),
    groupRoles,
    oidcOptions: await oidcOptions(config.oidc),
    proxyOptions: config.proxy_auth === undefined ? undefined : {
      userHeader: config.proxy_auth.user_header,
      groupsHeader: config.proxy_auth.groups_header,
      roles: groupRoles,
    },
  };
}

async function oidcOptions(
  section: WebConfig["oidc"],
): Promise<OidcOptions | undefined> {
  if (section === undefined) return undefined;
  return {
    issuer: section.url,
    clientId: section.client_id,
    clientSecret: section.client_secret ??
      (section.client_secret_file === undefined
        ? ""
        : await readSecret(section.client_secret_file)),
    scopes: section.scopes,
    loginClaim: section.login_claim,
    groupsClaim: section.groups_claim,
    name: section.name,
  };
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the client secret from "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}
