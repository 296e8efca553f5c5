import type {
  HandlerByMethod,
  HandlerFn,
  Middleware,
  PageComponent,
  PageResponse,
  RouteHandler,
} from "./types.ts";

/** Has the page component rendered with this data. */
export function page(): PageResponse<undefined>;
export function page<Data>(
  data: Data,
  init?: Omit<PageResponse<Data>, "data">,
): PageResponse<Data>;
export function page(
  data?: unknown,
  init?: Omit<PageResponse<unknown>, "data">,
): PageResponse<unknown> {
  return { data, ...init };
}

type DataOf<H, State> = H extends HandlerFn<infer Data, State> ? Data
  : H extends HandlerByMethod<infer Data, State> ? Data
  : never;

/** Functions that give the parts of a route their types; each returns what it is given. */
export interface Define<State> {
  handlers<
    Data,
    H extends RouteHandler<Data, State> = RouteHandler<Data, State>,
  >(handlers: H): H;
  // deno-lint-ignore no-explicit-any -- the data's type is inferred from the handlers
  page<H extends RouteHandler<any, State> = never, Data = DataOf<H, State>>(
    component: PageComponent<Data, State>,
  ): PageComponent<Data, State>;
  layout(
    component: PageComponent<unknown, State>,
  ): PageComponent<unknown, State>;
  middleware<M extends Middleware<State> | Middleware<State>[]>(
    middleware: M,
  ): M;
}

/** Makes the `define` of an application whose `ctx.state` is a `State`. */
export function createDefine<State>(): Define<State> {
  return {
    handlers: (handlers) => handlers,
    page: (component) => component,
    layout: (component) => component,
    middleware: (middleware) => middleware,
  };
}
