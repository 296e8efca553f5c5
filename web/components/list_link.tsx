import type { VNode } from "preact";
import { listFormPath } from "../data/client_lists.ts";
import PageKeys from "../islands/PageKeys.tsx";
import { usePage } from "./page_view.ts";

/** The way from the page of an address, network, JA4 or host to the lists; nothing for what no list knows. */
export function ListLink(
  { field, value }: { field: string; value: string },
): VNode | null {
  const { mayTriage } = usePage();
  const path = mayTriage ? listFormPath(field, value) : undefined;
  return path === undefined ? null : (
    <>
      <a class="btn" data-key="l" href={path}>
        Add to a list <kbd>l</kbd>
      </a>
      <PageKeys />
    </>
  );
}
