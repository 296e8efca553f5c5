/**
 * Real clients that visit the demonstration's site in gentle loops, each from a loopback address of
 * its own so that the dashboard can tell them apart. Two of them claim to be a browser and are not.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { killSession, spawnSession } from "../../ctl/process.ts";
import { pause } from "../../lib/shutdown.ts";
import { SITE_HOST } from "./httpd.ts";

/** A visitor: a command that is run again and again. */
export interface Client {
  readonly name: string;
  /** Programs that can play it; the first one on this machine does. */
  readonly programs: readonly string[];
  /** Loopback address that it comes from. */
  readonly address: string;
  /** Pause between two runs; the command of a visitor that never ends has 1 s. */
  readonly pauseMs: number;
  args(visit: Visit): readonly string[];
  /** Written to its standard input. */
  readonly input?: string;
}

/** What a client is told. */
export interface Visit {
  readonly port: number;
  readonly address: string;
  /** Folder for a profile, removed with the demonstration. */
  readonly folder: string;
}

const FIREFOX =
  "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0";
const PAGES = [
  "/",
  "/style.css",
  "/lamps.html",
  "/wicks.html",
  "/about.html",
];
const PROBES = [
  "/.env",
  "/.git/config",
  "/wp-login.php",
  "/admin.php",
  "/backup.zip",
  "/phpinfo.php",
  "/server-status",
  "/api/v1/users",
];
const CLIENT_PY = fileURLToPath(new URL("client.py", import.meta.url));

/** Everyone who visits. */
export const CLIENTS: readonly Client[] = [
  {
    name: "curl over HTTP/1.1",
    programs: ["curl"],
    address: "127.0.0.11",
    pauseMs: 3000,
    args: (visit) => ["--http1.1", ...curl(visit, PAGES)],
  },
  {
    name: "curl over HTTP/2",
    programs: ["curl"],
    address: "127.0.0.12",
    pauseMs: 3500,
    args: (visit) => ["--http2", "--parallel", ...curl(visit, PAGES)],
  },
  {
    name: "openssl s_client",
    programs: ["openssl"],
    address: "127.0.0.13",
    pauseMs: 4000,
    args: ({ port, address }) => [
      "s_client",
      "-quiet",
      "-connect",
      `127.0.0.1:${port}`,
      "-servername",
      SITE_HOST,
      "-bind",
      `${address}:0`,
    ],
    input:
      `GET /robots.txt HTTP/1.1\r\nHost: ${SITE_HOST}\r\nConnection: close\r\n\r\n`,
  },
  {
    name: "python, reading prices",
    programs: ["python3"],
    address: "127.0.0.14",
    pauseMs: 1000,
    args: ({ port, address }) => [CLIENT_PY, "prices", String(port), address],
  },
  {
    name: "python, as Chrome, trying passwords",
    programs: ["python3"],
    address: "127.0.0.15",
    pauseMs: 1000,
    args: (
      { port, address },
    ) => [CLIENT_PY, "passwords", String(port), address],
  },
  {
    name: "curl, as Firefox, looking for holes",
    programs: ["curl"],
    address: "127.0.0.16",
    pauseMs: 2000,
    args: (visit) => ["--user-agent", FIREFOX, ...curl(visit, PROBES)],
  },
  {
    name: "Chromium",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    address: "127.0.0.1",
    pauseMs: 1000,
    args: ({ port, folder }) => [
      "--headless=new",
      "--no-sandbox", // Root has none; the only site it visits is ours.
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-default-apps",
      "--disable-extensions",
      "--disable-sync",
      "--no-first-run",
      "--no-default-browser-check",
      "--ignore-certificate-errors",
      `--host-resolver-rules=MAP ${SITE_HOST} 127.0.0.1`,
      `--user-data-dir=${folder}/chromium`,
      // Headless Chromium ends when nobody talks to it, unless it is a server for debuggers.
      "--remote-debugging-port=0",
      `https://${SITE_HOST}:${port}/?tour`,
    ],
  },
];

function curl({ port, address }: Visit, paths: readonly string[]): string[] {
  return [
    "--silent",
    "--insecure",
    "--max-time",
    "10",
    "--interface",
    address,
    "--resolve",
    `${SITE_HOST}:${port}:127.0.0.1`,
    ...paths.flatMap((path) => [
      "--output",
      "/dev/null",
      `https://${SITE_HOST}:${port}${path}`,
    ]),
  ];
}

/** Options of {@linkcode runClients}. */
export interface ClientsOptions {
  readonly port: number;
  readonly folder: string;
  /** Ends all visits. */
  readonly signal: AbortSignal;
}

/** What {@linkcode runClients} started. */
export interface Visitors {
  readonly present: readonly Client[];
  /** Clients whose program is not installed. */
  readonly absent: readonly Client[];
  /** Resolves when the last one has ended after the signal. */
  readonly finished: Promise<void>;
}

/** Starts every client whose program is there; each visits until `signal` aborts. */
export function runClients(options: ClientsOptions): Visitors {
  const found = Map.groupBy(
    CLIENTS.map((client) => ({ client, program: programOf(client) })),
    ({ program }) => program === undefined ? "absent" : "present",
  );
  const { present = [], absent = [] } = Object.fromEntries(found);
  const visits = present.map(({ client, program = "" }) =>
    keepVisiting(client, program, options)
  );
  return {
    present: present.map(({ client }) => client),
    absent: absent.map(({ client }) => client),
    finished: Promise.all(visits).then(() => undefined),
  };
}

function programOf(client: Client): string | undefined {
  return client.programs.map(findProgram).find((path) => path !== undefined);
}

function findProgram(name: string): string | undefined {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    try {
      if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

async function keepVisiting(
  client: Client,
  program: string,
  options: ClientsOptions,
): Promise<void> {
  const { signal } = options;
  while (!signal.aborted) {
    await visitOnce(client, program, options);
    await pause(client.pauseMs, signal);
  }
}

async function visitOnce(
  client: Client,
  program: string,
  { port, folder, signal }: ClientsOptions,
): Promise<void> {
  const args = client.args({ port, folder, address: client.address });
  const child = spawnSession(program, args, {
    output: "null",
    stdin: client.input === undefined ? "null" : "piped",
  });
  const stop = (): void => killSession(child.pid);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    if (client.input !== undefined) await feed(child.stdin, client.input);
    await child.status;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  text: string,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // The client ended before it read its input: the server was away.
  }
}
