/** Runs in the browser: hydrates the islands that the server rendered between markers. @module */
import { type ComponentType, h, render } from "preact";
import { signal } from "@preact/signals";
import { parse } from "devalue";
import { shared } from "./runtime.ts";

interface IslandState {
  readonly module: string;
  readonly name: string;
  readonly props: Record<string, unknown>;
}

const state: { buildId: string; islands: IslandState[] } = parse(
  document.getElementById("fresh-state")?.textContent ?? "",
  { Signal: ([value]: [unknown]) => signal(value) },
);
shared.buildId = state.buildId;
hydrateIn(document.body);

/** Hydrates the outermost islands below `root`; inner ones are reached through the slot they stand in. */
function hydrateIn(root: Element): void {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_COMMENT);
  const open: Comment[] = [];
  while (walker.nextNode()) {
    const comment = walker.currentNode as Comment;
    if (comment.data.startsWith("island:")) open.push(comment);
    else if (comment.data === "/island") {
      const start = open.pop();
      if (start !== undefined && open.length === 0) hydrate(start, comment);
    }
  }
}

async function hydrate(start: Comment, end: Comment): Promise<void> {
  const island = state.islands[Number(start.data.slice("island:".length))];
  if (island === undefined) return;
  const exports: Record<string, ComponentType> = await import(island.module);
  const component = exports[island.name];
  if (component === undefined) return;
  const root = fragment(start, end);
  const { props } = island;
  if (props["children"] === null) {
    const html = slotBelow(root)?.innerHTML ?? "";
    props["children"] = slot(html);
  }
  render(h(component, props), root);
}

function slotBelow(root: Element): Element | undefined {
  for (const node of root.childNodes) {
    if (!(node instanceof Element)) continue;
    const found = node.localName === "fresh-slot"
      ? node
      : node.querySelector("fresh-slot");
    if (found !== null) return found;
  }
  return undefined;
}

/** Server-rendered children: kept as they are, and the islands in them hydrated whenever they are put in place. */
function slot(html: string): unknown {
  return h("fresh-slot", {
    dangerouslySetInnerHTML: { __html: html },
    ref: (element: Element | null) => {
      if (element !== null) hydrateIn(element);
    },
  });
}

/** Lets Preact hydrate the nodes between two markers as though they had an element of their own. */
function fragment(start: Comment, end: Comment): Element {
  const parent = start.parentNode as ParentNode & Node;
  function childNodes(): Node[] {
    const nodes: Node[] = [];
    for (
      let node = start.nextSibling;
      node !== null && node !== end;
      node = node.nextSibling
    ) nodes.push(node);
    return nodes;
  }
  return {
    nodeType: Node.ELEMENT_NODE,
    parentNode: parent,
    ownerDocument: document,
    get childNodes() {
      return childNodes();
    },
    get firstChild() {
      return childNodes()[0] ?? null;
    },
    insertBefore: (node: Node, before: Node | null) =>
      parent.insertBefore(node, before ?? end),
    appendChild: (node: Node) => parent.insertBefore(node, end),
    removeChild: (node: Node) => parent.removeChild(node),
    contains: (node: Node | null) =>
      childNodes().some((child) => child.contains(node)),
  } as unknown as Element;
}
