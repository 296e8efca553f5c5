/**
 * The demonstration's web server: a real httpd with TLS on loopback, our module in it, and a small
 * shop to visit.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { FatalError } from "../../lib/errors.ts";
import type { Part } from "../../ctl/supervise.ts";
import { runToEnd } from "./run.ts";

/** Host name of the demonstration's site; every name below localhost means this machine. */
export const SITE_HOST = "shop.localhost";

const SERVERS = ["/usr/sbin/apache2", "/usr/sbin/httpd"];
const MODULE_FOLDERS = [
  "/usr/lib/apache2/modules",
  "/usr/lib64/httpd/modules",
  "/usr/lib/httpd/modules",
];
const USERS = ["www-data", "apache", "nobody"];

/** Modules of httpd that the site needs; one that is compiled in has no file and needs no line. */
const MODULES: readonly (readonly [name: string, file: string])[] = [
  ["mpm_event_module", "mod_mpm_event.so"],
  ["unixd_module", "mod_unixd.so"],
  ["log_config_module", "mod_log_config.so"],
  ["authz_core_module", "mod_authz_core.so"],
  ["socache_shmcb_module", "mod_socache_shmcb.so"],
  ["mime_module", "mod_mime.so"],
  ["dir_module", "mod_dir.so"],
  ["alias_module", "mod_alias.so"],
  ["ssl_module", "mod_ssl.so"],
  ["http2_module", "mod_http2.so"],
];

/** Where the server's things are. */
export interface HttpdOptions {
  /** Folder of its own, readable by the server's unprivileged user. */
  readonly folder: string;
  readonly port: number;
  /** Our module, a shared object. */
  readonly module: string;
  /** Socket that the correlator listens on. */
  readonly socket: string;
}

/** Writes site, certificate and configuration; returns the process to run. */
export async function prepareHttpd(options: HttpdOptions): Promise<Part> {
  const server = SERVERS.find((path) => existsSync(path));
  const modules = MODULE_FOLDERS.find((folder) =>
    existsSync(`${folder}/mod_ssl.so`)
  );
  if (server === undefined || modules === undefined) {
    throw new FatalError(
      "unavailable",
      "Cannot find httpd with mod_ssl: run sh tools/setup.sh demo as root",
    );
  }
  await copySite(`${options.folder}/site`);
  await makeCertificate(options.folder);
  const file = `${options.folder}/httpd.conf`;
  await Deno.writeTextFile(file, configuration(options, modules));
  return {
    name: "httpd",
    command: server,
    args: ["-f", file, "-DFOREGROUND"],
    ready: { kind: "tcp", port: options.port },
  };
}

async function copySite(to: string): Promise<void> {
  const from = new URL("site/", import.meta.url);
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await Deno.writeFile(
      `${to}/${name}`,
      await Deno.readFile(new URL(name, from)),
    );
  }
}

/** A certificate of its own for each run; the clients are told not to check it. */
async function makeCertificate(folder: string): Promise<void> {
  await runToEnd("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    `/CN=${SITE_HOST}`,
    "-addext",
    `subjectAltName=DNS:${SITE_HOST},IP:127.0.0.1`,
    "-keyout",
    `${folder}/key.pem`,
    "-out",
    `${folder}/cert.pem`,
  ]);
  await Deno.chmod(`${folder}/key.pem`, 0o600);
}

function configuration(options: HttpdOptions, modules: string): string {
  const { folder, port, module, socket } = options;
  const loaded = MODULES
    .filter(([_, file]) => existsSync(`${modules}/${file}`))
    .map(([name, file]) => `LoadModule ${name} ${modules}/${file}`);
  return `ServerRoot "${folder}"
ServerName ${SITE_HOST}
Listen 127.0.0.1:${port}
${loaded.join("\n")}
LoadModule reqin_log_module "${module}"
DefaultRuntimeDir "${folder}"
PidFile "${folder}/httpd.pid"
ErrorLog /dev/stderr
LogLevel warn
${serverUser()}
# Few, because a visitor of a demonstration is one of a few.
StartServers 1
ServerLimit 2
ThreadsPerChild 16
MaxRequestWorkers 32
KeepAlive On
KeepAliveTimeout 5
Protocols h2 http/1.1
TypesConfig /etc/mime.types
DocumentRoot "${folder}/site"
DirectoryIndex index.html
<Directory "${folder}/site">
  Require all granted
</Directory>
# Every password is wrong.
Redirect 401 /session
SSLEngine on
SSLCertificateFile "${folder}/cert.pem"
SSLCertificateKeyFile "${folder}/key.pem"
JsonSockLogEnabled On
JsonSockLogSocket "${socket}"
`;
}

/** Started by root, httpd serves as another user. */
function serverUser(): string {
  if (Deno.uid() !== 0) return "";
  const accounts = Deno.readTextFileSync("/etc/passwd").split("\n")
    .map((line) => line.split(":"));
  for (const user of USERS) {
    const account = accounts.find(([name]) => name === user);
    if (account !== undefined) return `User ${user}\nGroup "#${account[3]}"`;
  }
  return "";
}
