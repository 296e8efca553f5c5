import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { PageContext } from "../components/page_view.ts";
import { hostileText } from "../components/text.tsx";
import { pageBefore, pageView } from "../data/page.ts";
import {
  FIELD_WORDS,
  termOf,
  VALUE_FIELDS,
  type ValueAction,
  valueActions,
} from "../data/value_actions.ts";
import { printable } from "../../lib/text.ts";
import { define } from "../utils.ts";

/** Keys that choose an action where the menu is not open (islands/ValueMenu.tsx). */
const KEY_OF: Partial<Record<ValueAction["does"], string>> = {
  for: "f",
  out: "F",
  list: "l",
};

/** What can be done with a value: a page of links, which the menu of a value shows in place. */
export const handler = define.handlers({
  GET(ctx) {
    const { searchParams } = ctx.url;
    const field = VALUE_FIELDS.find((one) => one === searchParams.get("f"));
    const value = searchParams.get("v") ?? "";
    if (field === undefined || value === "") {
      throw new HttpError(400, "The link does not say which value it means.");
    }
    return page({
      view: pageView(ctx),
      field,
      value,
      // Where the value stood, so that its filters and its time range are kept.
      actions: valueActions(field, value, pageBefore(ctx), {
        mayList: ctx.state.can("triage"),
      }),
    });
  },
});

export default define.page<typeof handler>((
  { data: { view, field, value, actions } },
) => (
  <PageContext.Provider value={view}>
    <Head>
      <title>{`${hostileText(value, 60)} · JA4 Platform`}</title>
    </Head>
    <div class="page-head">
      <h1>
        <bdi class="wrap">{hostileText(value, 200)}</bdi>
      </h1>
      <span class="page-note">{FIELD_WORDS[field]}</span>
    </div>
    <section class="card value-page">
      <ul id="value-actions">
        {actions.map(({ does, text, href }) => (
          <li key={text}>
            <a class="popup-item" data-does={does} href={href}>
              {text}
              {KEY_OF[does] === undefined
                ? null
                : <kbd aria-hidden="true">{KEY_OF[does]}</kbd>}
            </a>
          </li>
        ))}
        <li class="needs-script">
          <button type="button" class="popup-item" data-copy={printable(value)}>
            Copy <kbd aria-hidden="true">c</kbd>
          </button>
        </li>
        <li class="needs-script">
          <button
            type="button"
            class="popup-item"
            data-copy={printable(termOf(field, value))}
          >
            Copy as query
          </button>
        </li>
      </ul>
    </section>
  </PageContext.Provider>
));
