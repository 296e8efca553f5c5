/** What the last form did, with a way back: it stands in the address, so that no session has to keep it. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import { withParams } from "../data/range.ts";
import { type Action, ACTIONS } from "../data/triage.ts";
import { count, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";

const DONE_WORDS: Readonly<Record<Action | "undo", string>> = {
  acknowledge: "acknowledged",
  escalate: "escalated",
  escalate_archive: "escalated and archived",
  archive: "archived",
  reopen: "back in the inbox",
  true_positive: "marked true positive",
  false_positive: "marked false positive",
  benign_bot: "marked benign bot",
  no_verdict: "without a verdict",
  assign: "assigned to you",
  unassign: "assigned to nobody",
  note: "noted",
  undo: "as before",
};

/** Takes the notice of what was done out of a link. */
export const NOTHING_DONE = {
  done: "",
  changed: "",
  already: "",
  at: "",
  who: "",
};

/** What the last form did, with a way back. */
export function Done(): VNode | null {
  const { url } = usePage();
  const { searchParams } = url;
  const done = ([...ACTIONS, "undo"] as const).find((one) =>
    one === searchParams.get("done")
  );
  if (done === undefined) return null;
  const who = searchParams.get("who") ?? "";
  const what = done === "assign" && who !== ""
    ? `assigned to ${printable(who)}`
    : DONE_WORDS[done];
  const [changed, already, at] = ["changed", "already", "at"].map((name) =>
    Number(searchParams.get(name) ?? "0") || 0
  ) as [number, number, number];
  return (
    <div class="notice done" role="status">
      <Icon name="check" />
      <span>
        {plural(changed, "detection")} {what}
        {already > 0
          ? `, ${count(already)} ${
            done === "undo" ? "changed since" : "already so"
          }`
          : ""}.
      </span>
      {changed > 0 && at > 0
        ? (
          <form method="post" action={withParams(url, NOTHING_DONE)}>
            <button class="btn" type="submit" name="undo" value={at}>
              <Icon name="undo-2" /> Undo <kbd>u</kbd>
            </button>
          </form>
        )
        : null}
    </div>
  );
}
