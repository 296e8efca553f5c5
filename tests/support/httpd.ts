/**
 * A real httpd on loopback with mod_reqin_log, for tests and the demonstration. The configuration is
 * `apache/httpd.conf`; this file finds the programs, makes a certificate, starts and stops.
 *
 * @module
 */
import { FatalError } from "../../lib/errors.ts";
import { eventually, exists, freePort } from "../../lib/testing.ts";

const APACHE = new URL("../../apache/", import.meta.url).pathname;

/** Where httpd and its modules are on this machine. */
export interface HttpdInstallation {
  readonly binary: string;
  readonly modules: string;
  /** User that the children run as. */
  readonly user: string;
}

/** Debian's and Enterprise Linux's places, in this order. */
const INSTALLATIONS: readonly HttpdInstallation[] = [
  {
    binary: "/usr/sbin/apache2",
    modules: "/usr/lib/apache2/modules",
    user: "www-data",
  },
  {
    binary: "/usr/sbin/httpd",
    modules: "/usr/lib64/httpd/modules",
    user: "apache",
  },
];

/** The httpd of this machine, undefined if there is none. */
export function findHttpd(): HttpdInstallation | undefined {
  return INSTALLATIONS.find((place) => exists(place.binary));
}

/** A server certificate for `localhost` and 127.0.0.1, and the authority that signed it; PEM files. */
export interface Certificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export interface HttpdOptions {
  /** `mod_reqin_log.so`. */
  readonly modulePath: string;
  /** Datagram socket the module sends to; it need not exist. */
  readonly socketPath: string;
  /** Existing folder for what httpd writes. Its user must be able to enter it. */
  readonly folder: string;
  readonly certificates: Certificates;
  /** @default a folder `htdocs` in `folder`, with an `index.html` */
  readonly documentRoot?: string;
  /** @default a free port */
  readonly port?: number;
  /** @default a free port */
  readonly tlsPort?: number;
  /** @default "event" */
  readonly mpm?: "event" | "worker" | "prefork";
  /** Further configuration, at server level. */
  readonly extra?: string;
  /** Further environment of httpd. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Httpd extends AsyncDisposable {
  /** Plain HTTP, on 127.0.0.1. */
  readonly port: number;
  /** HTTPS, on 127.0.0.1. */
  readonly tlsPort: number;
  readonly pid: number;
  /** What httpd has written to its error log. */
  errorLog(): Promise<string>;
  /** Ends httpd and its children and waits for that. */
  stop(): Promise<void>;
}

interface Ran {
  readonly success: boolean;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(program: string, args: readonly string[]): Promise<Ran> {
  const { success, code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return {
    success,
    code,
    stdout: text.decode(stdout),
    stderr: text.decode(stderr),
  };
}

/** Makes `target` of apache/Makefile. @throws {FatalError} with the compiler's words if it cannot be built. */
async function make(target: string): Promise<void> {
  // One build at a time: test files run in parallel.
  const { success, stdout, stderr } = await run("flock", [
    APACHE,
    "make",
    "-C",
    APACHE,
    target,
  ]);
  if (!success) {
    throw new FatalError(
      "unavailable",
      `Cannot build mod_reqin_log.so\n${stdout}${stderr}`,
    );
  }
}

/**
 * Builds the module and returns its path.
 *
 * @throws {FatalError} with the compiler's words if it cannot be built.
 */
export async function buildModule(): Promise<string> {
  await make("all");
  return `${APACHE}mod_reqin_log.so`;
}

/**
 * Builds the module with gcc's AddressSanitizer and UndefinedBehaviorSanitizer. An error of theirs ends
 * the child of httpd by SIGABRT, which its error log tells.
 *
 * @throws {FatalError} with the compiler's words if it cannot be built.
 */
export async function buildSanitizedModule(): Promise<
  Required<Pick<HttpdOptions, "modulePath" | "env">>
> {
  await make("sanitized");
  const library = async (name: string) =>
    (await run("gcc", [`-print-file-name=lib${name}.so`])).stdout.trim();
  return {
    modulePath: `${APACHE}.libs/sanitized/mod_reqin_log.so`,
    env: {
      // httpd itself is built without: what it loads first must be loaded before it.
      LD_PRELOAD: `${await library("asan")} ${await library("ubsan")}`,
      ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1",
      UBSAN_OPTIONS: "abort_on_error=1:print_stacktrace=1",
    },
  };
}

/**
 * Makes an authority and a server certificate in `folder` with the openssl program.
 *
 * @throws {FatalError} if openssl is missing or fails.
 */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const made = {
    authority: `${folder}/authority.pem`,
    certificate: `${folder}/server.pem`,
    key: `${folder}/server.key`,
  };
  const authorityKey = `${folder}/authority.key`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const steps = [
    // deno-fmt-ignore
    ["req", "-x509", ...key, "-nodes", "-days", "30", "-subj", "/CN=ja4-platform test authority",
      "-keyout", authorityKey, "-out", made.authority],
    // deno-fmt-ignore
    ["req", "-x509", ...key, "-nodes", "-days", "30", "-subj", "/CN=localhost",
      "-CA", made.authority, "-CAkey", authorityKey,
      "-addext", "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1",
      "-addext", "basicConstraints=critical,CA:FALSE",
      "-keyout", made.key, "-out", made.certificate],
  ];
  for (const args of steps) {
    const { success, stderr } = await run("openssl", args);
    if (!success) {
      throw new FatalError(
        "unavailable",
        `Cannot make a certificate with openssl: ${stderr.trim()}`,
      );
    }
  }
  return made;
}

function installation(): HttpdInstallation {
  const found = findHttpd();
  if (found === undefined) {
    throw new FatalError(
      "unavailable",
      `Cannot find httpd: expected ${
        INSTALLATIONS.map((place) => place.binary).join(" or ")
      }; install apache2 or httpd`,
    );
  }
  return found;
}

function httpdArguments(
  options: Required<Omit<HttpdOptions, "extra" | "env">>,
  { modules, user }: HttpdInstallation,
): string[] {
  const values = {
    JA4_FOLDER: options.folder,
    JA4_MODULES: modules,
    JA4_MODULE: options.modulePath,
    JA4_SOCKET: options.socketPath,
    JA4_MPM: options.mpm,
    JA4_USER: user,
    JA4_PORT: options.port,
    JA4_TLS_PORT: options.tlsPort,
    JA4_ROOT: options.documentRoot,
    JA4_CERTIFICATE: options.certificates.certificate,
    JA4_KEY: options.certificates.key,
  };
  return [
    ...Object.entries(values).flatMap(([name, value]) => [
      "-C",
      `Define ${name} "${value}"`,
    ]),
    "-f",
    `${APACHE}httpd.conf`,
  ];
}

async function prepare(
  options: HttpdOptions,
): Promise<Required<Omit<HttpdOptions, "extra" | "env">>> {
  const { folder } = options;
  const documentRoot = options.documentRoot ?? `${folder}/htdocs`;
  await Deno.mkdir(`${folder}/conf.d`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/conf.d/extra.conf`,
    options.extra ?? "",
  );
  if (options.documentRoot === undefined) {
    await Deno.mkdir(documentRoot, { recursive: true });
    await Deno.writeTextFile(`${documentRoot}/index.html`, "<p>Hello\n");
  }
  return {
    ...options,
    documentRoot,
    port: options.port ?? freePort(),
    tlsPort: options.tlsPort ?? freePort(),
    mpm: options.mpm ?? "event",
  };
}

/** What `httpd -t` says about the configuration. */
export async function checkHttpd(
  options: HttpdOptions,
): Promise<{ ok: boolean; message: string }> {
  const place = installation();
  const args = httpdArguments(await prepare(options), place);
  const { success, stderr } = await run(place.binary, [...args, "-t"]);
  return { ok: success, message: stderr };
}

/**
 * Starts httpd in the foreground and waits until it accepts connections.
 *
 * @throws {FatalError} if httpd is not installed or refuses to start.
 */
export async function startHttpd(options: HttpdOptions): Promise<Httpd> {
  const place = installation();
  const whole = await prepare(options);
  const child = new Deno.Command(place.binary, {
    args: [...httpdArguments(whole, place), "-DFOREGROUND"],
    env: { ...options.env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    // The prefork MPM ends by a signal to its whole process group, which must not be ours.
    detached: true,
  }).spawn();
  const said = new Response(child.stderr).text();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const errorLog = () =>
    Deno.readTextFile(`${whole.folder}/error.log`).catch(() => "");

  async function stop(): Promise<void> {
    if (!ended) child.kill("SIGTERM");
    await status;
    await said;
  }

  try {
    await eventually("httpd to listen", async () => {
      if (ended) throw new Error("httpd ended");
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: whole.port }))
          .close();
        return true;
      } catch {
        return false;
      }
    });
  } catch (error) {
    await stop();
    throw new FatalError(
      "unavailable",
      `Cannot start httpd: ${(await said).trim()} ${(await errorLog()).trim()}`,
      { cause: error },
    );
  }
  return {
    port: whole.port,
    tlsPort: whole.tlsPort,
    pid: child.pid,
    errorLog,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
