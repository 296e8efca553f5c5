/**
 * A signed POST to an address that the operator names. The connection's own peer is looked at
 * before a byte is sent: a name that led to a public address when it was checked and to a private
 * one a moment later (DNS rebinding) reaches nothing. Redirects are not followed.
 *
 * Signature: `x-ja4-signature: t=SECONDS,v1=HEX` with HEX = HMAC-SHA256(secret, `SECONDS.BODY`).
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { AlertMessage } from "./alert_store.ts";
import { NetworkSet } from "../lib/ip_filter.ts";
import { parseIp } from "../lib/ip.ts";
import { VERSION } from "../lib/version.ts";

export interface WebhookOptions {
  readonly url: URL;
  /** Shared with the receiver. */
  readonly secret: string;
  /** Whether it may lie in a private network. */
  readonly allowPrivate: boolean;
  /** Certificates of own authorities, PEM. */
  readonly caCerts?: readonly string[];
  /** Seconds since the epoch. @default the clock */
  readonly nowS?: () => number;
}

const TIMEOUT_MS = 10_000;
/** Longest head of an answer. */
const HEAD_BYTES_MAX = 16_384;

/** Networks that are nobody's in public: loopback, private, link-local, shared, reserved, multicast. */
const PRIVATE = new NetworkSet([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/127",
  "64:ff9b::/96",
  "fc00::/7",
  "fe80::/10",
  "ff00::/8",
]);

/** Whether an address is none that the public internet routes to. */
export function isPrivateAddress(address: string): boolean {
  const ip = parseIp(address);
  return ip === undefined || PRIVATE.has(ip);
}

/** Signature of a body at a time, as receivers compute it. */
export function signature(
  body: string,
  of: { secret: string; nowS: number },
): string {
  const hex = createHmac("sha256", of.secret).update(`${of.nowS}.${body}`)
    .digest("hex");
  return `t=${of.nowS},v1=${hex}`;
}

/** Sends messages to one receiver; throws unless it answers 2xx. */
export function webhook(
  options: WebhookOptions,
): (message: AlertMessage, signal: AbortSignal) => Promise<void> {
  return async (message, signal) => {
    const status = await post(message, options, signal);
    if (status < 200 || status > 299) {
      throw new Error(`The receiver answered ${status}`);
    }
  };
}

async function post(
  message: AlertMessage,
  options: WebhookOptions,
  signal: AbortSignal,
): Promise<number> {
  const { url } = options;
  const secure = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const tcp = await Deno.connect({
    hostname,
    port: Number(url.port) || (secure ? 443 : 80),
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  let connection: Deno.Conn = tcp;
  const end = () => {
    try {
      connection.close();
    } catch {
      // It is closed already.
    }
  };
  const timer = setTimeout(end, TIMEOUT_MS);
  signal.addEventListener("abort", end);
  try {
    if (!options.allowPrivate && isPrivateAddress(tcp.remoteAddr.hostname)) {
      throw new Error(
        `"${hostname}" leads to the private address ${tcp.remoteAddr.hostname}`,
      );
    }
    if (secure) {
      connection = await Deno.startTls(tcp, {
        hostname,
        ...(options.caCerts === undefined
          ? {}
          : { caCerts: [...options.caCerts] }),
      });
    }
    await writeAll(connection, requestOf(message, options));
    return await readStatus(connection);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    end();
  }
}

function requestOf(
  message: AlertMessage,
  { url, secret, nowS = () => Math.floor(Date.now() / 1000) }: WebhookOptions,
): Uint8Array {
  const body = JSON.stringify(message);
  const bytes = new TextEncoder().encode(body);
  const head = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    `user-agent: ja4-platform/${VERSION}`,
    "content-type: application/json",
    `content-length: ${bytes.length}`,
    `x-ja4-delivery: ${message.id}`,
    `x-ja4-signature: ${signature(body, { secret, nowS: nowS() })}`,
    "connection: close",
    "",
    "",
  ].join("\r\n");
  return new Uint8Array([...new TextEncoder().encode(head), ...bytes]);
}

async function writeAll(
  connection: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

/** The status of the answer's first line (RFC 9112, section 4); the rest is not read. */
async function readStatus(connection: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(HEAD_BYTES_MAX);
  let held = 0;
  while (held < buffer.length) {
    const count = await connection.read(buffer.subarray(held));
    if (count === null) break;
    held += count;
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, held));
    const line = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(text);
    if (line !== null) return Number(line[1]);
    if (text.includes("\n")) break;
  }
  throw new Error("The receiver gave no HTTP answer");
}
