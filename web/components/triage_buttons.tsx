/** Buttons of triage that lead further than one action. @module */
import type { ComponentChildren, VNode } from "preact";
import { printable } from "../../lib/text.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";

/** What else a group of buttons has, folded away behind its end. Works without a script. */
function MoreMenu(
  { id, label, children }: {
    id: string;
    label: string;
    children: ComponentChildren;
  },
): VNode {
  return (
    <>
      <button
        class="btn btn-icon"
        type="button"
        popovertarget={id}
        aria-label={label}
        title={label}
      >
        <Icon name="chevron-down" />
      </button>
      <div class="popup menu" id={id} popover="auto">{children}</div>
    </>
  );
}

/** Escalate, and what goes beyond it. */
export function EscalateButtons(
  { brief = false }: {
    /** The key stands in the tip alone. */
    brief?: boolean;
  },
): VNode {
  return (
    <span class="btn-group" role="group" aria-label="Escalate">
      <button
        class="btn"
        type="submit"
        name="action"
        value="escalate"
        data-key="s"
        title="Escalate (s)"
      >
        <Icon name="flag" /> Escalate {brief ? null : <kbd>s</kbd>}
      </button>
      <MoreMenu id="escalate-more" label="More ways to escalate">
        <button
          class="popup-item"
          type="submit"
          name="action"
          value="escalate_archive"
          data-key="S"
        >
          Escalate and archive <kbd>S</kbd>
        </button>
      </MoreMenu>
    </span>
  );
}

/** Takes a detection, gives it back, or gives it to somebody else. */
export function AssignButtons(
  { mine, people }: {
    /** Whether it is the reader's already. */
    mine: boolean;
    /** Logins of those who may triage. */
    people: readonly string[];
  },
): VNode {
  const { login } = usePage();
  return (
    <span class="btn-group" role="group" aria-label="Assign">
      <button
        class="btn"
        type="submit"
        name="action"
        value={mine ? "unassign" : "assign"}
        data-key="m"
      >
        {mine ? "Unassign" : "Assign to me"} <kbd>m</kbd>
      </button>
      {people.every((one) => one === login)
        ? null
        : (
          <MoreMenu id="assignees" label="Assign to somebody else">
            <AssigneeItems people={people} />
          </MoreMenu>
        )}
    </span>
  );
}

/** A button for each whom it can be given to, but the reader. */
export function AssigneeItems(
  { people }: { people: readonly string[] },
): VNode {
  const { login } = usePage();
  return (
    <>
      {people.filter((one) => one !== login).map((one) => (
        <button
          key={one}
          class="popup-item"
          type="submit"
          name="assign_to"
          value={one}
        >
          {printable(one)}
        </button>
      ))}
    </>
  );
}
