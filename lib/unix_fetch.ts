/**
 * fetch() over a UNIX socket. Deno's own takes the socket for a proxy and asks it for the whole
 * address (`GET http://host/path`), which a server that is no proxy, ClickHouse among them, refuses.
 *
 * @module
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";

/** Connections to the server behind one socket, kept alive between calls. */
export class UnixConnections implements Disposable {
  readonly #path: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(path: string) {
    this.#path = path;
  }

  /** As fetch(); the host of the address is what the server is told it is called. */
  async fetch(
    input: string | URL | Request,
    init: RequestInit,
  ): Promise<Response> {
    const asked = new Request(input, init);
    const { pathname, search } = new URL(asked.url);
    const body = new Uint8Array(await asked.arrayBuffer());
    const { promise, resolve, reject } = Promise.withResolvers<
      IncomingMessage
    >();
    const sent = request({
      agent: this.#agent,
      socketPath: this.#path,
      method: asked.method,
      path: pathname + search,
      headers: {
        ...Object.fromEntries(asked.headers),
        host: new URL(asked.url).host,
        "content-length": String(body.length),
      },
      signal: asked.signal,
    }, resolve);
    sent.on("error", reject);
    sent.end(body);
    const answer = await promise;
    const headers = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined) headers.set(name, String(value));
    }
    return new Response(
      Readable.toWeb(answer) as ReadableStream<Uint8Array<ArrayBuffer>>,
      { status: answer.statusCode ?? 500, headers },
    );
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
