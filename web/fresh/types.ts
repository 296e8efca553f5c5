/** The shapes that an application and this package exchange. @module */
import type { AnyComponent, FunctionComponent } from "preact";
import type { Context } from "./context.ts";

export type Method =
  | "GET"
  | "HEAD"
  | "POST"
  | "PUT"
  | "PATCH"
  | "DELETE"
  | "OPTIONS";

/** Answers a request, or calls `ctx.next()` for the answer. */
export type Middleware<State> = (
  ctx: Context<State>,
) => Response | Promise<Response>;

/** What a handler returns to have its page component rendered. */
export interface PageResponse<Data> {
  readonly data: Data;
  readonly status?: number | undefined;
  readonly headers?: HeadersInit | undefined;
}
type Given<Data> = Response | PageResponse<Data>;
export type HandlerFn<Data, State> = (
  ctx: Context<State>,
) => Given<Data> | Promise<Given<Data>>;
export type HandlerByMethod<Data, State> = {
  readonly [M in Method]?: HandlerFn<Data, State>;
};
export type RouteHandler<Data, State> =
  | HandlerFn<Data, State>
  | HandlerByMethod<Data, State>;

/** Props of every page, layout and app component. */
export type PageProps<Data = unknown, State = unknown> =
  & Pick<
    Context<State>,
    "config" | "url" | "req" | "params" | "info" | "state" | "error" | "route"
  >
  & { readonly data: Data; readonly Component: FunctionComponent };

/** A page, layout or app component. It may be an async function. */
export type PageComponent<Data, State> = AnyComponent<PageProps<Data, State>>;

/** What a route or layout may export as `config`. */
export interface RouteConfig {
  /** Render without the layouts of the folders above. */
  readonly skipInheritedLayouts?: boolean;
  /** Render without `_app`. */
  readonly skipAppWrapper?: boolean;
}

/** A module under routes/. */
export interface RouteModule<State> {
  readonly default?:
    | PageComponent<unknown, State>
    | Middleware<State>
    | Middleware<State>[];
  readonly handler?: RouteHandler<unknown, State>;
  readonly config?: RouteConfig;
}

/** What a build hands to an app, written to _fresh/snapshot.js. */
export interface Snapshot {
  /** Digest of everything the browser loads: it changes when that does, and only then. */
  readonly buildId: string;
  /** Folder that the paths in `files` are relative to. */
  readonly root: string;
  /** URL of the script that hydrates islands. */
  readonly boot: string;
  // deno-lint-ignore no-explicit-any -- a snapshot does not know its app's state
  readonly routes: readonly { id: string; mod: RouteModule<any> }[];
  readonly islands: readonly {
    /** URL of the module in the browser. */
    module: string;
    mod: Readonly<Record<string, unknown>>;
  }[];
  /** By URL path. */
  readonly files: Readonly<Record<string, StaticFile>>;
}

/** A file for the browser. */
export interface StaticFile {
  /** On disk, relative to the snapshot's root, or the bytes themselves. */
  readonly content: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
  /** Its URL changes with its content. */
  readonly immutable: boolean;
}
