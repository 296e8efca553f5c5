/** `ja4ctl login NAME`. @module */
import {
  createOneTimeLogin,
  isLogin,
  type Role,
  ROLES,
} from "../../lib/accounts.ts";
import { EXIT, FatalError } from "../../lib/errors.ts";
import { type Command, type Options, print } from "../command.ts";
import { textOf } from "../host_config.ts";
import { healthAddress } from "../parts.ts";

/** How long a login link works. */
const LOGIN_S = 3600;

export const login: Command = {
  name: "login",
  usage: "NAME",
  summary: "a link that logs NAME in once; makes the account if there is none",
  options: { role: { type: "string" } },
  optionHelp: [[
    "--role ROLE",
    `of a new account: ${ROLES.join(", ")} (default: viewer)`,
  ]],
  async run({ config, configs, open }, args, options) {
    const [name = "", ...rest] = args;
    if (!isLogin(name) || rest.length > 0) {
      throw new FatalError(
        "usage",
        `Cannot use the name "${
          args.join(" ")
        }": expected 1 to 64 letters, digits or . _ @ -`,
      );
    }
    const role = parseRole(options["role"]);
    await using database = await open("app");
    if (!await database.ping()) {
      throw new FatalError(
        "unavailable",
        `The database does not answer on ${config.app.url}: start it, or see [app]`,
      );
    }
    const token = await createOneTimeLogin(database, {
      login: name,
      display_name: name,
      role,
      expires_s: LOGIN_S,
    });
    const base = textOf(configs.web, "web", "public_url").replace(/\/$/, "") ||
      `http://${healthAddress("web", configs.web.content)}`;
    print(`${base}/login?token=${token}`);
    return EXIT.ok;
  },
};

function parseRole(value: Options[string]): Role {
  const role = ROLES.find((role) => role === (value ?? "viewer"));
  if (role !== undefined) return role;
  throw new FatalError(
    "usage",
    `Cannot use --role "${value}": expected ${ROLES.join(", ")}`,
  );
}
