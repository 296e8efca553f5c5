/**
 * A daemon as systemd sees it: readiness, status and watchdog by the protocol of sd_notify(3).
 * Started otherwise, the same calls do nothing.
 *
 * @module
 */
import { FatalError, messageOf } from "./errors.ts";

/** Variables of the environment that systemd sets for a unit. */
type Environment = (name: string) => string | undefined;

/** What systemd is told. */
export interface ServiceManager extends AsyncDisposable {
  /** The unit does its work from now on; `status` is one line for `systemctl status`. */
  ready(status: string): void;
  /** A new configuration was accepted and is being taken up. */
  reloading(): void;
  /** The process drains and ends. */
  stopping(): void;
}

/** Pings within the time after which systemd takes the process for hung. */
const PINGS_PER_TIMEOUT = 3;

const NOBODY: ServiceManager = {
  ready: () => {},
  reloading: () => {},
  stopping: () => {},
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/**
 * The manager that NOTIFY_SOCKET names. With WATCHDOG_USEC set it is pinged from the event loop, so
 * that a process which hangs is known as hung.
 *
 * @throws {FatalError} `unavailable` if the socket cannot be used.
 */
export function connectServiceManager(env: Environment): ServiceManager {
  const path = env("NOTIFY_SOCKET");
  // Deno cannot address an abstract socket ("@..."); systemd's own for services is a path.
  if (path === undefined || !path.startsWith("/")) return NOBODY;
  const folder = env("RUNTIME_DIRECTORY");
  if (folder === undefined) {
    throw new FatalError(
      "unavailable",
      "Cannot tell systemd of the start: the unit needs RuntimeDirectory=",
    );
  }
  try {
    return new Notifier(path, `${folder}/notify.socket`, watchdogMs(env));
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot tell systemd of the start: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** WATCHDOG_USEC in milliseconds; undefined where no watchdog runs. */
function watchdogMs(env: Environment): number | undefined {
  const text = env("WATCHDOG_USEC");
  return text !== undefined && /^[1-9]\d*$/.test(text)
    ? Number(text) / 1000
    : undefined;
}

class Notifier implements ServiceManager {
  readonly #socket: Deno.DatagramConn;
  readonly #own: string;
  readonly #peer: Deno.UnixAddr;
  readonly #watchdog: ReturnType<typeof setInterval> | undefined;
  /** Messages go out in the order of the calls. */
  #sent: Promise<unknown> = Promise.resolve();

  constructor(peer: string, own: string, timeoutMs: number | undefined) {
    this.#peer = { transport: "unixpacket", path: peer };
    this.#own = own;
    removeSocket(own);
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
    if (timeoutMs === undefined) return;
    this.#watchdog = setInterval(
      () => this.#send("WATCHDOG=1"),
      timeoutMs / PINGS_PER_TIMEOUT,
    );
    Deno.unrefTimer(this.#watchdog);
  }

  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${oneLine(status)}`);
  }

  reloading(): void {
    this.#send("RELOADING=1\nSTATUS=Taking up the new configuration");
  }

  stopping(): void {
    this.#send("STOPPING=1\nSTATUS=Stopping");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watchdog);
    await this.#sent;
    this.#socket.close();
    removeSocket(this.#own);
  }

  #send(message: string): void {
    const bytes = new TextEncoder().encode(message);
    this.#sent = this.#sent.then(() => this.#socket.send(bytes, this.#peer))
      // systemd restarts what it does not hear of; there is nobody else to tell.
      .catch(() => {});
  }
}

function removeSocket(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

/** A message is lines of NAME=value, so a value holds no line break. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
