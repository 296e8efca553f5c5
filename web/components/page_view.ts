/** What every component of a page may need: its URL (for links), its clock and its time zone. @module */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { invariant } from "../../lib/invariant.ts";

/** The page being rendered. */
export interface PageView {
  readonly url: URL;
  readonly nowMs: number;
  /** IANA name; `UTC` unless the analyst chose local times. */
  readonly zone: string;
  /** Whether the user may change detections. */
  readonly mayTriage: boolean;
  /** Who looks on. */
  readonly login: string;
}

export const PageContext = createContext<PageView | undefined>(undefined);

/** The page being rendered. Only on the server: islands have no page around them. */
export function usePage(): PageView {
  const view = useContext(PageContext);
  invariant(view !== undefined, "a component outside of a page");
  return view;
}
