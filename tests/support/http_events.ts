/**
 * A reader for `http.socket` in tests: takes every datagram as the correlator would and holds it to
 * the letter of lib/events.ts. A datagram that is not UTF-8, not JSON, repeats a key or has a field
 * that the vocabulary does not know is kept in `faults`.
 *
 * @module
 */
import * as v from "valibot";
import { parseHttpEvent } from "../../correlate/parse.ts";
import type {
  ConnectionEndEvent,
  HttpEvent,
  RequestEvent,
} from "../../lib/events.ts";
import { requestEventBytesMax } from "../../lib/limits.ts";
import { parseIp } from "../../lib/ip.ts";
import { eventually } from "../../lib/testing.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const port = v.pipe(count, v.maxValue(65_535));
const address = v.pipe(
  v.string(),
  v.check((text) => parseIp(text) === text, "not canonical"),
);
const connection = {
  src_ip: address,
  src_port: port,
  dest_ip: address,
  dest_port: port,
  conn: count,
  conn_ts: count,
  ts: count,
  pid: count,
  seq: v.pipe(count, v.minValue(1)),
};

/** What the module writes; narrower than the type, which other feeders meet too. */
const eventSchema = v.variant("event_type", [
  v.strictObject({
    event_type: v.literal("request"),
    ...connection,
    req_idx: count,
    events_dropped: count,
    client_ip: v.optional(address),
    client_ip_source: v.optional(
      v.picklist(["proxy_protocol", "x_forwarded_for"]),
    ),
    url_scheme: v.picklist(["http", "https"]),
    http_method: v.string(),
    http_host: v.pipe(
      v.string(),
      v.check((text) => !/[A-Z]/.test(text), "not lower case"),
    ),
    url_path: v.string(),
    url_query: v.optional(v.string()),
    // A client may claim any version; httpd then refuses the request.
    http_version: v.pipe(v.string(), v.regex(/^\d{1,6}(\.\d{1,3})?$/)),
    status_code: v.pipe(count, v.maxValue(599)),
    request_bytes: v.optional(count),
    response_bytes: v.optional(count),
    duration_us: v.optional(count),
    header_names: v.array(v.string()),
    headers: v.record(
      v.pipe(v.string(), v.regex(/^[^A-Z]+$/)),
      v.union([v.string(), v.strictObject({ len: count })]),
    ),
    cookie_count: count,
    headers_dropped: v.optional(v.pipe(count, v.minValue(1))),
    truncated: v.optional(
      v.pipe(v.boolean(), v.check((set) => set, "not set")),
    ),
    bad_utf8: v.optional(v.pipe(count, v.minValue(1))),
    control_bytes: v.optional(v.pipe(count, v.minValue(1))),
    tls_version: v.optional(v.picklist(["1.0", "1.1", "1.2", "1.3"])),
    tls_cipher: v.optional(v.string()),
    tls_resumed: v.optional(v.boolean()),
    tls_sni: v.optional(v.string()),
  }),
  v.strictObject({ event_type: v.literal("connection_end"), ...connection }),
]);

/** A `connection_end` as the module writes it: it repeats what all events of a connection begin with. */
export type ModuleEvent = HttpEvent & { readonly conn_ts?: number };

function parse(bytes: Uint8Array): ModuleEvent {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  if (!text.startsWith('{"src_ip":"')) throw new Error("src_ip is not first");
  const value = JSON.parse(text);
  // JSON.parse forgives a repeated key; written again, the event would be shorter.
  const form = (json: string) =>
    json.replaceAll(/\\(?:u[0-9a-f]{4}|.)|\u007f/g, "?");
  if (form(JSON.stringify(value)) !== form(text)) {
    throw new Error("not as JSON.stringify writes it: is a key repeated?");
  }
  if (!parseHttpEvent(text).ok) throw new Error("the correlator refuses it");
  return v.parse(eventSchema, value) as unknown as ModuleEvent;
}

/** An open `http.socket`. */
export class EventReceiver implements AsyncDisposable {
  /** In the order of arrival. */
  readonly events: ModuleEvent[] = [];
  /** What was wrong, with the datagram's text. */
  readonly faults: string[] = [];
  /** Bytes of the longest datagram. */
  longest = 0;
  readonly #socket: Deno.DatagramConn;
  readonly #path: string;
  readonly #reading: Promise<void>;

  constructor(path: string) {
    this.#path = path;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
    Deno.chmodSync(path, 0o666);
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(requestEventBytesMax + 1);
    while (true) {
      let bytes: Uint8Array;
      try {
        [bytes] = await this.#socket.receive(buffer);
      } catch {
        return;
      }
      this.longest = Math.max(this.longest, bytes.length);
      try {
        this.events.push(parse(bytes));
      } catch (error) {
        this.faults.push(`${error}: ${new TextDecoder().decode(bytes)}`);
      }
    }
  }

  get requests(): RequestEvent[] {
    return this.events.filter((event) => event.event_type === "request");
  }

  get ends(): ConnectionEndEvent[] {
    return this.events.filter((event) => event.event_type === "connection_end");
  }

  /** The events of requests, once there are at least `n`. */
  async waitForRequests(n: number): Promise<RequestEvent[]> {
    await eventually(
      `${n} requests (${this.requests.length} came)`,
      () => this.requests.length >= n || this.faults.length > 0,
    );
    this.assertNoFaults();
    return this.requests;
  }

  /** The requests whose path is `path`, once there is one. */
  async waitForPath(path: string): Promise<RequestEvent[]> {
    const found = () =>
      this.requests.filter((event) => event.url_path === path);
    await eventually(
      `a request for ${path}`,
      () => found().length > 0 || this.faults.length > 0,
    );
    this.assertNoFaults();
    return found();
  }

  assertNoFaults(): void {
    if (this.faults.length > 0) {
      throw new Error(
        `${this.faults.length} datagrams are wrong: ${
          this.faults.slice(0, 3).join("\n")
        }`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#reading;
    await Deno.remove(this.#path);
  }
}
