/**
 * Alerts as syslog messages (RFC 5424) whose text is CEF (ArcSight Common Event Format, revision
 * 25) or JSON, over UDP or, with octet counting (RFC 6587, section 3.4.1), over TCP.
 *
 * @module
 */
import type { Severity } from "../lib/events.ts";
import { printable } from "../lib/text.ts";
import { VERSION } from "../lib/version.ts";
import type { AlertMessage } from "./alert_store.ts";

export interface SyslogOptions {
  readonly transport: "udp" | "tcp";
  readonly hostname: string;
  readonly port: number;
  readonly format: "cef" | "json";
  /** Name of this host in the messages. */
  readonly sender: string;
}

/** Longest message over UDP (RFC 5426, section 3.2: receivers should take 2048). */
const UDP_BYTES_MAX = 2048;
const TIMEOUT_MS = 10_000;
/** Facility local0. */
const FACILITY = 16;

/** Severity of syslog (RFC 5424, table 2) and of CEF. */
const LEVELS: Readonly<
  Record<Severity, readonly [syslog: number, cef: number]>
> = {
  low: [5, 3],
  medium: [4, 6],
  high: [3, 8],
  critical: [2, 10],
};

/** The message of an alert. */
export function syslogMessage(
  message: AlertMessage,
  options: Pick<SyslogOptions, "format" | "sender">,
): string {
  const { alert } = message;
  const [level] = LEVELS[alert.severity];
  const at = new Date(alert.last_seen / 1000).toISOString();
  const text = options.format === "cef"
    ? cefOf(message)
    : JSON.stringify(message);
  return `<${FACILITY * 8 + level}>1 ${at} ${
    options.sender || "-"
  } ja4-detect - ${alert.id} - ${text}`;
}

/** One line of CEF. */
export function cefOf({ id, occasion, alert }: AlertMessage): string {
  const [, level] = LEVELS[alert.severity];
  const head = [
    "CEF:0",
    "ja4-platform",
    "detect",
    VERSION,
    alert.kind,
    alert.title,
    String(level),
  ].map(headField).join("|");
  const campaign = alert.subject.startsWith("C-");
  const fields: [string, string][] = [
    ["externalId", id],
    ["rt", String(Math.floor(alert.last_seen / 1000))],
    ["start", String(Math.floor(alert.opened_at / 1000))],
    campaign
      ? ["cs1", alert.subject]
      : [alert.subject.includes(":") ? "c6a2" : "src", alert.subject],
    ...(campaign
      ? [["cs1Label", "campaign"]] as [string, string][]
      : alert.subject.includes(":")
      ? [["c6a2Label", "Source IPv6 Address"]] as [string, string][]
      : []),
    ["dhost", alert.http_host],
    ["cat", occasion],
    ["cnt", String(alert.recurrence)],
    ["msg", alert.summary],
  ];
  return `${head}|${
    fields.map(([name, value]) => `${name}=${extensionValue(value)}`).join(" ")
  }`;
}

function headField(text: string): string {
  return printable(text).replaceAll("\\", "\\\\").replaceAll("|", "\\|");
}

function extensionValue(text: string): string {
  return printable(text).replaceAll("\\", "\\\\").replaceAll("=", "\\=");
}

/** Sends messages to one collector; over TCP it throws if the connection fails. */
export function syslog(
  options: SyslogOptions,
): (message: AlertMessage, signal: AbortSignal) => Promise<void> {
  return async (message, signal) => {
    const bytes = new TextEncoder().encode(syslogMessage(message, options));
    const { hostname, port } = options;
    if (options.transport === "udp") {
      const socket = Deno.listenDatagram({
        transport: "udp",
        hostname: hostname.includes(":") ? "::" : "0.0.0.0",
        port: 0,
      });
      try {
        await socket.send(bytes.subarray(0, UDP_BYTES_MAX), {
          transport: "udp",
          hostname,
          port,
        });
      } finally {
        socket.close();
      }
      return;
    }
    using connection = await Deno.connect({
      hostname,
      port,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const frame = new Uint8Array([
      ...new TextEncoder().encode(`${bytes.length} `),
      ...bytes,
    ]);
    for (let at = 0; at < frame.length;) {
      at += await connection.write(frame.subarray(at));
    }
    await connection.closeWrite();
  };
}
