/** The part of Fresh 2's interface that this application uses; see README.md. @module */
export { App } from "./app.ts";
export { Context, type Context as FreshContext } from "./context.ts";
export { createDefine, type Define, page } from "./define.ts";
export { HttpError } from "./error.ts";
export { csp, csrf, staticFiles } from "./middlewares.ts";
export type {
  HandlerByMethod,
  HandlerFn,
  Method,
  Middleware,
  PageProps,
  PageResponse,
  RouteConfig,
  RouteHandler,
} from "./types.ts";
