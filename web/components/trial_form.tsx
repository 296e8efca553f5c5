/** Ends of forms whose effect is tried before it is had: rules of triage and entries of lists. @module */
import type { VNode } from "preact";

/** For how many days it holds; 0 is until it is removed. */
export function HoldsFor({ days }: { days: readonly number[] }): VNode {
  return (
    <label>
      For
      <select class="input" name="days">
        {days.map((one) => (
          <option key={one} value={one} selected={one === 30}>
            {one === 0 ? "until removed" : `${one} days`}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A button that shows what it would have met, which needs no script, and the one that does it. */
export function TryAndDo(
  { path, button }: {
    /** Page that shows the trial. */
    path: string;
    button: string;
  },
): VNode {
  return (
    <>
      <button
        class="btn"
        type="submit"
        formMethod="get"
        formNoValidate
        formAction={path}
      >
        Try it
      </button>
      <button class="btn btn-primary" type="submit">{button}</button>
    </>
  );
}
