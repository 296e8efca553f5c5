/**
 * Where the database is: the `[clickhouse]` section of a configuration in, options and the texts of
 * passwords and certificates out.
 *
 * @module
 */
import * as v from "valibot";
import { about, integer } from "./config.ts";
import { FatalError, messageOf } from "./errors.ts";

/** Where the database is and who asks. */
export interface DatabaseOptions {
  /** `http://host:port`, without credentials. */
  readonly url: string;
  readonly database: string;
  readonly username: string;
  readonly password?: string | undefined;
  /** File whose first line is the password; read once, when opened. */
  readonly passwordFile?: string | undefined;
  /** UNIX socket to connect to; `url` then says only what the server is called. */
  readonly socket?: string | undefined;
  /** PEM file of the authority that the server's certificate is from, beside those of the system. */
  readonly caFile?: string | undefined;
  /** PEM files of the certificate that this client shows, and its key. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Replicas that must have a row before an insert is acknowledged; for clusters. */
  readonly insertQuorum?: number | "auto" | undefined;
}

/** The `[clickhouse]` section of a program's configuration, with defaults. */
// deno-lint-ignore explicit-module-boundary-types -- the inferred schema type is what callers need
export function clickhouseSection(username: string) {
  return v.optional(
    v.strictObject({
      url: about(
        "Address of the server",
        v.optional(
          v.pipe(
            v.string('expected "http://host:port"'),
            v.check(isServerUrl, 'expected "http://host:port"'),
          ),
          "http://127.0.0.1:8123",
        ),
      ),
      database: about(
        "Name of the database",
        v.optional(
          v.pipe(
            v.string("expected a name"),
            v.regex(
              /^[A-Za-z_]\w*$/,
              "expected letters, digits and underscores",
            ),
          ),
          "ja4",
        ),
      ),
      username: about(
        "Its user",
        v.optional(v.string("expected a name"), username),
      ),
      password: about(
        "Better in password_file",
        v.optional(v.string("expected a text")),
      ),
      password_file: about(
        "File whose first line is the password",
        v.optional(v.string("expected a path")),
      ),
      socket: about(
        "UNIX socket of the server, instead of its address",
        v.optional(v.string("expected a path")),
      ),
      ca_file: about(
        "Certificates of own authorities, PEM",
        v.optional(v.string("expected a path")),
      ),
      cert_file: about(
        "Certificate to show to the server, PEM",
        v.optional(v.string("expected a path")),
      ),
      key_file: about("Its key, PEM", v.optional(v.string("expected a path"))),
      insert_quorum: about(
        "Replicas that must have a row before it counts as stored",
        v.optional(
          v.union(
            [v.literal("auto"), integer(1, 64)],
            'expected "auto" or a number of replicas',
          ),
        ),
      ),
    }),
    {},
  );
}

function isServerUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) &&
    url.username === "" && url.password === "" && url.search === "";
}

/** A checked {@linkcode clickhouseSection} as options of {@linkcode openDatabase}. */
export function databaseOptions(
  section: v.InferOutput<ReturnType<typeof clickhouseSection>>,
): DatabaseOptions {
  const {
    password_file: passwordFile,
    ca_file: caFile,
    cert_file: certFile,
    key_file: keyFile,
    insert_quorum: insertQuorum,
    ...rest
  } = section;
  return { ...rest, passwordFile, caFile, certFile, keyFile, insertQuorum };
}

/** PEM texts of a connection. */
export interface Certificates {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Reads the certificates that `options` name.
 *
 * @throws {FatalError} `noInput` if one cannot be read, `config` if one of a pair is missing.
 */
export async function readCertificates(
  { caFile, certFile, keyFile }: DatabaseOptions,
): Promise<Certificates> {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new FatalError(
      "config",
      "Cannot connect to the database: cert_file and key_file go together",
    );
  }
  return {
    ca: await readCertificate(caFile),
    cert: await readCertificate(certFile),
    key: await readCertificate(keyFile),
  };
}

/**
 * The password that `options` give or name.
 *
 * @throws {FatalError} `noInput` if its file cannot be read.
 */
export async function passwordOf(
  { password, passwordFile }: DatabaseOptions,
): Promise<string> {
  if (password !== undefined) return password;
  return passwordFile === undefined ? "" : await readPassword(passwordFile);
}

async function readCertificate(
  path: string | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the certificate or key "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

async function readPassword(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).split("\n")[0]?.trimEnd() ?? "";
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the database password from "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** The connections over the network, with the certificates that are given. */
export function connect({ ca, cert, key }: Certificates): Deno.HttpClient {
  const shared = {
    poolIdleTimeout: 20_000,
    ...(ca === undefined ? {} : { caCerts: [ca] }),
  };
  try {
    return cert === undefined || key === undefined
      ? Deno.createHttpClient(shared)
      : Deno.createHttpClient({ ...shared, cert, key });
  } catch (thrown) {
    throw new FatalError(
      "config",
      `Cannot use the certificates of the database connection: ${
        messageOf(thrown)
      }`,
      { cause: thrown },
    );
  }
}
