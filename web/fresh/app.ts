import { type Config, Context } from "./context.ts";
import { HttpError } from "./error.ts";
import { byRank } from "./paths.ts";
import { compose, METHODS, RouteTable } from "./route_table.ts";
import { snapshotOf } from "./snapshot.ts";
import type { Method, Middleware } from "./types.ts";

/** An application: what its calls add answers in the order they were made. */
export class App<State> {
  readonly config: Config = { mode: "production" };
  readonly #steps: ((table: RouteTable<State>) => void)[] = [];

  /** Middlewares for everything that is added after them. */
  use(...middlewares: Middleware<State>[]): this {
    return this.#step((table) => table.level("").uses.push(...middlewares));
  }

  all(path: string, ...middlewares: Middleware<State>[]): this {
    return this.#on(METHODS, path, middlewares);
  }
  get(path: string, ...middlewares: Middleware<State>[]): this {
    return this.#on(["GET"], path, middlewares);
  }
  post(path: string, ...middlewares: Middleware<State>[]): this {
    return this.#on(["POST"], path, middlewares);
  }
  put(path: string, ...middlewares: Middleware<State>[]): this {
    return this.#on(["PUT"], path, middlewares);
  }
  patch(path: string, ...middlewares: Middleware<State>[]): this {
    return this.#on(["PATCH"], path, middlewares);
  }
  delete(path: string, ...middlewares: Middleware<State>[]): this {
    return this.#on(["DELETE"], path, middlewares);
  }

  /** Adds the modules under routes/ here. */
  fsRoutes(): this {
    return this.#step((table) => {
      for (
        const { id, mod } of snapshotOf(this)?.routes.toSorted(byRank) ?? []
      ) {
        table.addModule(id, mod);
      }
    });
  }

  /** The function that answers a request; for `Deno.serve`, and for tests without a port. */
  handler(): (
    req: Request,
    info?: Deno.ServeHandlerInfo,
  ) => Promise<Response> {
    const table = new RouteTable<State>();
    for (const step of this.#steps) step(table);
    const refuse = (status: number): Middleware<State> =>
      table.chain("", () => Promise.reject(new HttpError(status)));
    const unknown = refuse(404);
    const notAllowed = refuse(405);
    return async (req, info = LOCAL) => {
      const url = new URL(req.url);
      // "//elsewhere.example" must not become a host in a redirect built from the path.
      url.pathname = url.pathname.replaceAll(/\/{2,}/g, "/");
      const found = table.match(url);
      const method = req.method as Method;
      const run = found === undefined ? unknown : found.endpoint.run[method] ??
        (method === "HEAD" ? found.endpoint.run.GET : undefined) ??
        notAllowed;
      const ctx = new Context<State>(req, {
        url,
        info,
        route: found?.endpoint.path ?? null,
        params: found?.params ?? {},
      }, this.config);
      try {
        const res = await run(ctx);
        if (method !== "HEAD") return res;
        await res.body?.cancel();
        return new Response(null, res);
      } catch (thrown) {
        return lastResort(thrown);
      }
    };
  }

  #on(
    methods: readonly Method[],
    path: string,
    middlewares: Middleware<State>[],
  ): this {
    return this.#step((table) =>
      table.add(path, methods, table.chain("", compose(middlewares)))
    );
  }

  #step(step: (table: RouteTable<State>) => void): this {
    this.#steps.push(step);
    return this;
  }
}

/** For what no middleware of the app has answered. */
function lastResort(thrown: unknown): Response {
  if (thrown instanceof HttpError && thrown.status < 500) {
    return new Response(thrown.message, { status: thrown.status });
  }
  // deno-lint-ignore no-console -- as Fresh does; the application's own middleware comes first
  console.error(thrown);
  return new Response("Internal server error", { status: 500 });
}

const LOCAL: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 },
  completed: Promise.resolve(),
};
