/**
 * The routes that an app's calls and its snapshot build up, in order: each handler inside the
 * middlewares and layouts of its folder and of those above.
 *
 * @module
 */
import type { Context } from "./context.ts";
import { toPattern } from "./paths.ts";
import { pageProps, renderLayer } from "./render.ts";
import type {
  Method,
  Middleware,
  PageComponent,
  RouteConfig,
  RouteHandler,
  RouteModule,
} from "./types.ts";

export const METHODS: readonly Method[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];

/** What is set for a folder and everything under it. */
interface Level<State> {
  readonly uses: Middleware<State>[];
  layout?: {
    readonly component: PageComponent<unknown, State>;
    readonly config: RouteConfig;
  };
}

/** What answers under one path. */
export interface Endpoint<State> {
  readonly path: string;
  readonly pattern: URLPattern | undefined;
  readonly run: Partial<Record<Method, Middleware<State>>>;
}

/** An endpoint and what its pattern took from the URL. */
export interface Match<State> {
  readonly endpoint: Endpoint<State>;
  readonly params: Readonly<Record<string, string>>;
}

export class RouteTable<State> {
  #app: PageComponent<unknown, State> | undefined;
  readonly #levels = new Map<string, Level<State>>();
  readonly #endpoints = new Map<string, Endpoint<State>>();

  /** Settings of a folder, "" for all. */
  level(folder: string): Level<State> {
    const known = this.#levels.get(folder) ?? { uses: [] };
    this.#levels.set(folder, known);
    return known;
  }

  /** A handler inside all that is set so far for its folder and those above. */
  chain(folder: string, inner: Middleware<State>): Middleware<State> {
    const folders = folder.split("/").map((_, index, parts) =>
      parts.slice(0, index + 1).join("/")
    );
    const levels = folders.flatMap((name) => this.#levels.get(name) ?? []);
    const outer = levels.reduceRight(
      (next, level) => inLayout(level, compose([...level.uses, next])),
      inner,
    );
    const app = this.#app;
    return (ctx) => {
      ctx.shell = { app, layouts: [] };
      return outer(ctx);
    };
  }

  /** The first handler of a method and path stays. */
  add(
    path: string,
    methods: readonly Method[],
    run: Middleware<State>,
  ): void {
    const pattern = /[*:{}+?()]/.test(path)
      ? new URLPattern({ pathname: path })
      : undefined;
    const endpoint = this.#endpoints.get(path) ?? { path, pattern, run: {} };
    for (const method of methods) endpoint.run[method] ??= run;
    this.#endpoints.set(path, endpoint);
  }

  /** A module under routes/; its id is its path there, without the extension. */
  addModule(id: string, mod: RouteModule<State>): void {
    const slash = id.lastIndexOf("/");
    const folder = id.slice(0, slash);
    const name = id.slice(slash + 1);
    const component = mod.default as PageComponent<unknown, State> | undefined;
    const { handler, config = {} } = mod;
    if (name === "_app") this.#app = component;
    else if (name === "_middleware") {
      this.level(folder).uses.push(
        ...[mod.default as Middleware<State>].flat(),
      );
    } else if (name === "_layout") {
      if (component === undefined) throw new Error(`${id} exports no layout`);
      this.level(folder).layout = { component, config };
    } else if (name.startsWith("_")) {
      throw new Error(`${id}: this package knows _app, _layout, _middleware`);
    } else {
      const methods = new Set(
        typeof handler === "function"
          ? METHODS
          : Object.keys(handler ?? {}) as Method[],
      );
      if (component !== undefined) methods.add("GET");
      const route: Route<State> = { handler, component, config };
      this.add(
        toPattern(id),
        [...methods],
        this.chain(folder, (ctx) => answer(ctx, route)),
      );
    }
  }

  /** The endpoint of a URL: one without parameters if there is one, else the first that fits. */
  match(url: URL): Match<State> | undefined {
    const fixed = this.#endpoints.get(url.pathname) ??
      this.#endpoints.get(url.pathname.replace(/\/$/, ""));
    if (fixed !== undefined && fixed.pattern === undefined) {
      return { endpoint: fixed, params: {} };
    }
    for (const endpoint of this.#endpoints.values()) {
      const groups = endpoint.pattern?.exec(url)?.pathname.groups;
      if (groups === undefined) continue;
      const params = Object.entries(groups).map((
        [name, value],
      ) => [name, decode(value ?? "")]);
      return { endpoint, params: Object.fromEntries(params) };
    }
    return undefined;
  }
}

/** As Fresh does: "%2F" and what else separates parts of a URL stays; so does what is not valid UTF-8. */
function decode(text: string): string {
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
}

/** Brings in a level's layout for what runs below it. */
function inLayout<State>(
  { layout }: Level<State>,
  next: Middleware<State>,
): Middleware<State> {
  if (layout === undefined) return next;
  const { component, config } = layout;
  return async (ctx) => {
    const above = ctx.shell;
    ctx.shell = {
      app: config.skipAppWrapper ? undefined : above.app,
      layouts: [
        ...(config.skipInheritedLayouts ? [] : above.layouts),
        component,
      ],
    };
    try {
      return await next(ctx);
    } catch (thrown) {
      // A page that fails inside this folder is answered from outside it.
      ctx.shell = above;
      throw thrown;
    }
  };
}

/** Runs each with `ctx.next()` leading to the one after it. */
export function compose<State>(
  middlewares: readonly Middleware<State>[],
): Middleware<State> {
  return (ctx) => {
    const after = ctx.next;
    async function call(index: number): Promise<Response> {
      const middleware = middlewares[index];
      if (middleware === undefined) return await after();
      ctx.next = () => call(index + 1);
      return await middleware(ctx);
    }
    return call(0);
  };
}

interface Route<State> {
  readonly handler: RouteHandler<unknown, State> | undefined;
  readonly component: PageComponent<unknown, State> | undefined;
  readonly config: RouteConfig;
}

/** Runs a route's handler and, where that gives data, renders the page component with it. */
async function answer<State>(
  ctx: Context<State>,
  { handler, component, config }: Route<State>,
): Promise<Response> {
  const method = ctx.req.method as Method;
  const run = typeof handler === "object"
    ? handler[method] ?? (method === "HEAD" ? handler.GET : undefined)
    : handler;
  const given = run === undefined ? { data: undefined } : await run(ctx);
  if (given instanceof Response) return given;
  const vnode = component === undefined
    ? null
    : await renderLayer(component, pageProps(ctx, given.data, null));
  if (vnode instanceof Response) return vnode;
  const init: ResponseInit = { status: given.status ?? 200 };
  if (given.headers !== undefined) init.headers = given.headers;
  return await ctx.render(vnode, init, config);
}
