/**
 * Renders a page inside its layouts and the app component, and marks the islands in it.
 *
 * Preact calls `options.vnode` for every element that is created: there an island's type is
 * swapped for a Boundary, which writes markers around it and notes its props for the browser.
 *
 * @module
 */
import {
  type ComponentChildren,
  type ComponentType,
  createContext,
  Fragment,
  h,
  options,
  type VNode,
} from "preact";
import { useContext } from "preact/hooks";
import { jsxTemplate } from "preact/jsx-runtime";
import { renderToString } from "preact-render-to-string";
import { Signal } from "@preact/signals";
import { stringify } from "devalue";
import type { Context, Shell } from "./context.ts";
import { shared } from "./runtime.ts";
import type { PageComponent, PageProps } from "./types.ts";

type Props = Readonly<Record<string, unknown>>;

/** A component that is rendered here and hydrated in the browser. */
export interface Island {
  // deno-lint-ignore ban-types -- any function that an island module exports
  readonly component: Function;
  /** URL of its module for the browser, and the name of the export. */
  readonly module: string;
  readonly name: string;
}

/** One document being rendered. Rendering is synchronous, so at most one is current. */
interface Document {
  readonly nonce: string;
  readonly head: ComponentChildren[];
  readonly islands: { island: Island; props: Props }[];
}

/** Nonce of a rendered page, for the csp() middleware. */
const nonces = new WeakMap<Response, string>();

/** The nonce that the scripts and styles of a page carry; undefined for any other response. */
export function nonceOf(response: Response): string | undefined {
  return nonces.get(response);
}

let current: Document | undefined;
let boot = "";
const islands = new Map<unknown, Island>();
const InIsland = createContext(false);

/** Makes known which components are islands, and the script that hydrates them. */
export function registerIslands(
  script: string,
  list: readonly Island[],
): void {
  boot = script;
  for (const island of list) islands.set(island.component, island);
}

shared.hoist = (children) => {
  current?.head.push(children);
};

const before = options.vnode;
let plain = false;
options.vnode = (vnode) => {
  const type: unknown = vnode.type;
  const props = vnode.props as Record<string, unknown>;
  const island = plain ? undefined : islands.get(type);
  if (island !== undefined) {
    Object.assign(vnode, { type: Boundary, props: { island, props } });
  } else if (type === "head") {
    props["children"] = [props["children"], h(HoistedHead, null)];
  } else if (type === "body") {
    props["children"] = [props["children"], h(Scripts, null)];
  } else if ((type === "script" || type === "style") && current !== undefined) {
    props["nonce"] = current.nonce;
  }
  before?.(vnode);
};

/** Stands in for an island: renders it between markers and notes its props. */
function Boundary({ island, props }: { island: Island; props: Props }): VNode {
  const inIsland = useContext(InIsland);
  if (current === undefined || inIsland) return element(island, props);
  let here = props;
  let sent = props;
  if (props["children"] !== undefined) {
    // Children stay, in the browser, what they were rendered to; islands among them stand for themselves.
    const children = h(InIsland.Provider, {
      value: false,
      children: props["children"] as ComponentChildren,
    });
    sent = { ...props, children: null };
    here = { ...props, children: h("fresh-slot", null, children) };
  }
  const id = current.islands.push({ island, props: sent }) - 1;
  const inner = h(InIsland.Provider, {
    value: true,
    children: element(island, here),
  });
  return h(Fragment, null, comment(`island:${id}`), inner, comment("/island"));
}

/** The island itself, not a Boundary again. */
function element(island: Island, props: Props): VNode {
  plain = true;
  try {
    return h(island.component as ComponentType<Props>, props);
  } finally {
    plain = false;
  }
}

function comment(text: string): VNode {
  return h(Fragment, { UNSTABLE_comment: text } as object);
}

function HoistedHead(): VNode {
  return h(Fragment, null, ...(current?.head ?? []));
}

/** The islands' props as JSON and the script that reads them; nothing on a page without islands. */
function Scripts(): VNode | null {
  if (current === undefined || current.islands.length === 0) return null;
  const list = current.islands.map(({ island: { module, name }, props }) => ({
    module,
    name,
    props,
  }));
  // A signal's value is put in a list so that a falsy one counts. devalue escapes "<".
  const json = stringify({ buildId: shared.buildId, islands: list }, {
    Signal: (value: unknown) => value instanceof Signal && [value.peek()],
  });
  return h(
    Fragment,
    null,
    h("script", {
      id: "fresh-state",
      type: "application/json",
      dangerouslySetInnerHTML: { __html: json },
    }),
    h("script", { type: "module", src: boot }),
  );
}

/** Props of a page, layout or app component. */
export function pageProps<State>(
  ctx: Context<State>,
  data: unknown,
  child: VNode | null,
): PageProps<unknown, State> {
  const { config, url, req, params, info, state, error, route } = ctx;
  const Component = (): VNode | null => child;
  return {
    config,
    url,
    req,
    params,
    info,
    state,
    error,
    route,
    data,
    Component,
  };
}

type Rendered = VNode | Response | null;

/** An element of the component or, where that is an async function, what it returns. */
export async function renderLayer<State>(
  component: PageComponent<unknown, State>,
  props: PageProps<unknown, State>,
): Promise<Rendered> {
  if (component.constructor.name !== "AsyncFunction") {
    return h(component as ComponentType<object>, props);
  }
  return await (component as unknown as (
    props: PageProps<unknown, State>,
  ) => Promise<Rendered>)(props);
}

/** The page as an HTML response. A layer that gives a Response of its own answers instead. */
export async function renderDocument<State>(
  ctx: Context<State>,
  page: VNode | null,
  { app, layouts }: Shell<State>,
  init: ResponseInit,
): Promise<Response> {
  let vnode = page;
  for (const layout of layouts.toReversed()) {
    const layer = await renderLayer(layout, pageProps(ctx, undefined, vnode));
    if (layer instanceof Response) return layer;
    vnode = layer;
  }
  const document: Document = {
    nonce: crypto.randomUUID().replaceAll("-", ""),
    head: [],
    islands: [],
  };
  // The page first: what it hoists has to be known when the app component renders <head>.
  const body = draw(document, vnode);
  const outer = await renderLayer(app ?? Bare, {
    ...pageProps(ctx, undefined, null),
    Component: () => jsxTemplate([body] as unknown as string[]),
  });
  if (outer instanceof Response) return outer;
  let html = draw(document, outer);
  if (document.head.length > 0) {
    html = html.replace(/<title>[^<]*<\/title>(?=.*?<title>.*?<\/head>)/s, "");
  }
  const headers = new Headers(init.headers);
  headers.set("content-type", "text/html; charset=utf-8");
  const response = new Response("<!DOCTYPE html>" + html, { ...init, headers });
  nonces.set(response, document.nonce);
  return response;
}

/** In place of an app component. */
function Bare({ Component }: PageProps): VNode {
  return h(
    "html",
    null,
    h("head", null, h("meta", { charset: "utf-8" })),
    h("body", null, h(Component, null)),
  );
}

function draw(document: Document, vnode: VNode | null): string {
  current = document;
  try {
    return vnode === null ? "" : renderToString(vnode);
  } finally {
    current = undefined;
  }
}
