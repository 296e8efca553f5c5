/** The dashboard's configuration: its schema, and what of it becomes services. @module */
import * as v from "valibot";
import { ROLES } from "../lib/accounts.ts";
import { clickhouseSection } from "../lib/clickhouse_config.ts";
import { about, listenAddress } from "../lib/config.ts";
import { logSection } from "../lib/config_sections.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { networkList, NetworkSet } from "../lib/ip_filter.ts";
import type { OidcOptions } from "./auth/oidc.ts";
import type { ProxyAuthOptions } from "./auth/proxy_auth.ts";
import type { GroupRoles } from "./auth/roles.ts";

const groups = v.optional(
  v.array(
    v.string("expected a name"),
    'expected a list of names such as ["soc"]',
  ),
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
      listen: about(
        "Where the dashboard listens",
        v.optional(listenAddress(), "127.0.0.1:8000"),
      ),
      public_url: about(
        "URL that browsers use where a proxy stands in front; a folder is the base path",
        v.optional(v.pipe(
          v.string('expected "https://host" or "https://host/folder"'),
          v.check(
            isPublicUrl,
            'expected "https://host" or "https://host/folder"',
          ),
        )),
      ),
      trusted_proxies: about(
        "Networks whose X-Forwarded-For, and whose word on who it is, are believed",
        v.optional(networkList(), []),
      ),
    }),
    {},
  ),
  clickhouse: clickhouseSection("web"),
  app: clickhouseSection("app"),
  roles: v.optional(
    v.strictObject({
      admin: about("Groups whose members administer", groups),
      analyst: about("Groups whose members decide", groups),
      viewer: about("Groups whose members read", groups),
      default: about(
        "Role of those in none of these groups",
        v.optional(
          v.picklist(
            ["none", ...ROLES],
            'expected "none", "viewer", "analyst" or "admin"',
          ),
          "none",
        ),
      ),
    }),
    {},
  ),
  oidc: v.optional(v.strictObject({
    url: about(
      "Issuer of the OpenID provider",
      v.pipe(
        v.string('expected the issuer, "https://host/path"'),
        v.check(isIssuer, 'expected the issuer, "https://host/path"'),
      ),
    ),
    client_id: about("Name of the dashboard at the provider", text),
    client_secret: about(
      "Its secret; better in client_secret_file",
      v.optional(text),
    ),
    client_secret_file: about("File that holds the secret", v.optional(text)),
    scopes: about(
      "Scopes that are asked for",
      v.optional(text, "openid profile email groups"),
    ),
    login_claim: about(
      "Claim that names the user",
      v.optional(text, "preferred_username"),
    ),
    groups_claim: about(
      "Claim that lists the groups",
      v.optional(text, "groups"),
    ),
    name: about(
      "On the button that logs in by it",
      v.optional(text, "single sign-on"),
    ),
  })),
  proxy_auth: v.optional(v.strictObject({
    user_header: about(
      "Header in which a trusted proxy names the user",
      v.optional(header, "X-Forwarded-User"),
    ),
    groups_header: about(
      "Header in which it lists the groups",
      v.optional(header, "X-Forwarded-Groups"),
    ),
  })),
  log: logSection(),
});

export type WebConfig = v.InferOutput<typeof schema>;

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
