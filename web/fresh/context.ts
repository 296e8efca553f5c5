import { isValidElement, type VNode } from "preact";
import { renderDocument } from "./render.ts";
import type { PageComponent, RouteConfig } from "./types.ts";

/** Settings of a running app. */
export interface Config {
  mode: "development" | "production";
}

/** The layouts and the app component around what is rendered. */
export interface Shell<State> {
  readonly app: PageComponent<unknown, State> | undefined;
  readonly layouts: readonly PageComponent<unknown, State>[];
}

/** What the server knows of a request. */
export interface Matched {
  readonly url: URL;
  /** Pattern of the route, such as "/ip/:ip"; null if there is none. */
  readonly route: string | null;
  readonly params: Readonly<Record<string, string>>;
  readonly info: Deno.ServeHandlerInfo;
}

/** Passed to every middleware and handler; one for each request. */
export class Context<State> {
  readonly state = {} as State;
  readonly req: Request;
  readonly url: URL;
  readonly info: Deno.ServeHandlerInfo;
  readonly route: string | null;
  readonly params: Readonly<Record<string, string>>;
  readonly config: Config;
  error: unknown = null;
  /** Calls the next middleware, or the route. */
  next: () => Promise<Response> = () =>
    Promise.reject(new Error("Nothing follows this handler"));
  /** Set by the route table; not part of Fresh's interface. */
  shell: Shell<State> = { app: undefined, layouts: [] };

  constructor(req: Request, matched: Matched, config: Config) {
    this.req = req;
    this.url = matched.url;
    this.route = matched.route;
    this.params = matched.params;
    this.info = matched.info;
    this.config = config;
  }

  /** Renders JSX inside the layouts and the app component. */
  async render(
    vnode: VNode | null,
    init: ResponseInit = {},
    config: RouteConfig = {},
  ): Promise<Response> {
    if (vnode !== null && !isValidElement(vnode)) {
      throw new TypeError("ctx.render() takes JSX");
    }
    return await renderDocument(this, vnode, {
      app: config.skipAppWrapper ? undefined : this.shell.app,
      layouts: config.skipInheritedLayouts ? [] : this.shell.layouts,
    }, init);
  }

  redirect(location: string, status = 302): Response {
    // "//elsewhere.example" would leave the site.
    return new Response(null, {
      status,
      headers: { location: location.replace(/^[/\\]+/, "/") },
    });
  }

  text(content: string, init?: ResponseInit): Response {
    return new Response(content, init);
  }

  json(content: unknown, init?: ResponseInit): Response {
    return Response.json(content, init);
  }
}
