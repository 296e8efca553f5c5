import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { conjuncts, group, negate, type Query } from "../query/ast.ts";
import { conditionText } from "../query/condition.ts";
import { fieldNamed, FIELDS, opsOf } from "../query/fields.ts";
import { formatQuery } from "../query/format.ts";
import { type Fault, parseQuery, TEXT_MAX } from "../query/parse.ts";
import { chipOf } from "../query/words.ts";
import { here } from "../here.ts";
import { printable } from "../../lib/text.ts";

const OP_WORDS: Readonly<Record<string, string>> = {
  ":": "is",
  "!:": "is not",
  ">=": "at least",
  "<=": "at most",
  ">": "over",
  "<": "below",
  "~": "matches",
};

/** Milliseconds after which a search that is not there yet says so, and says it may take longer. */
const BUSY_MS = 400;
const SLOW_MS = 3000;

/**
 * The query as text, as chips and as a form that adds to it: three views of one tree. What is typed is
 * read at once, by the same code as on the server; without a script each change is a page.
 */
export default function QueryEditor(
  { path, text: initial, kept, fields }: {
    /** Page that answers. */
    path: string;
    text: string;
    /** Parameters that stay as they are. */
    kept: readonly (readonly [string, string])[];
    /** Names of the fields that the page can ask by. */
    fields: readonly string[];
  },
): VNode {
  const text = useSignal(initial);
  const field = useSignal("host");
  const busy = useSignal<"" | "busy" | "slow">("");
  const ready = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  const run = useRef<HTMLInputElement>(null);
  const parsed = parseQuery(text.value);
  const shown = FIELDS.filter(({ name }) => fields.includes(name));
  const chosen = fieldNamed(field.value);

  useEffect(() => {
    const calm = (): void => void (busy.value = "");
    addEventListener("pageshow", calm);
    ready.value = true;
    return () => removeEventListener("pageshow", calm);
  }, []);

  function hrefOf(query: Query): string {
    const parameters = new URLSearchParams([...kept].map(([a, b]) => [a, b]));
    parameters.set("q", formatQuery(query));
    return `${here(path)}?${parameters}`;
  }

  /** Shows `query` in all three views and asks. */
  function ask(event: Event, query: Query): void {
    event.preventDefault();
    text.value = formatQuery(query);
    // The field has to hold the new text before it is sent.
    requestAnimationFrame(() => form.current?.requestSubmit());
  }

  function onSubmit(event: Event): void {
    if (!parsed.ok) return event.preventDefault();
    if (run.current !== null) {
      run.current.disabled = false;
      run.current.value = crypto.randomUUID?.() ?? String(Math.random());
    }
    setTimeout(() => busy.value = "busy", BUSY_MS);
    setTimeout(() => {
      if (busy.value === "busy") busy.value = "slow";
    }, SLOW_MS);
  }

  function cancel(): void {
    stop();
    void fetch(here(`/api/v1/search/${run.current?.value ?? ""}`), {
      method: "DELETE",
    });
    busy.value = "";
  }

  function add(event: Event): void {
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const made = parseQuery(
      conditionText((name) => String(data.get(name) ?? "")),
    );
    if (!parsed.ok || !made.ok) return;
    const [term] = conjuncts(made.query);
    if (term === undefined) return;
    ask(event, group("and", [...conjuncts(parsed.query), term]));
  }

  return (
    <div class="query-editor" data-listens={ready.value ? "yes" : "no"}>
      <form
        ref={form}
        class="query-form"
        method="get"
        action={here(path)}
        onSubmit={onSubmit}
      >
        <Kept kept={kept} />
        <input ref={run} type="hidden" name="run" disabled />
        <label class="visually-hidden" for="query">Query</label>
        <input
          id="query"
          class="input mono"
          name="q"
          value={text.value}
          maxLength={TEXT_MAX}
          placeholder="status:4xx -ua:*bot* ip:192.0.2.0/24"
          autocomplete="off"
          spellcheck={false}
          aria-invalid={parsed.ok ? undefined : "true"}
          aria-describedby={parsed.ok ? undefined : "query-fault"}
          onInput={(event) => text.value = event.currentTarget.value}
        />
        <button class="btn btn-primary" type="submit">Search</button>
      </form>
      {parsed.ok ? null : (
        <FaultNote
          text={text.value}
          fault={parsed.fault}
          kept={kept}
          path={path}
          onTake={(event, fixed) => {
            event.preventDefault();
            text.value = fixed;
            document.getElementById("query")?.focus();
          }}
        />
      )}
      {busy.value === "" ? null : (
        <p class="notice query-busy" role="status">
          {busy.value === "busy" ? "Searching…" : "This takes longer."}{" "}
          <button type="button" class="btn" onClick={cancel}>Cancel</button>
        </p>
      )}
      <div class="query-parts">
        {parsed.ok && conjuncts(parsed.query).length > 0
          ? (
            <ul class="chips" aria-label="Conditions">
              {conjuncts(parsed.query).map((part, index, all) => {
                const { subject, relation, value } = chipOf(part);
                const rest = all.filter((_, at) => at !== index);
                const turned = all.map((one, at) =>
                  at === index ? negate(one) : one
                );
                return (
                  <li key={formatQuery(part)} class="chip">
                    <a
                      class="chip-text"
                      href={hrefOf(group("and", turned))}
                      title="Turn into its opposite"
                      onClick={(event) => ask(event, group("and", turned))}
                    >
                      {subject === "" ? "" : `${subject} `}
                      <span>{relation}</span> <b>{value}</b>
                    </a>
                    <a
                      href={hrefOf(group("and", rest))}
                      aria-label={`Remove ${subject} ${relation} ${value}`}
                      onClick={(event) => ask(event, group("and", rest))}
                    >
                      <svg class="icon" aria-hidden="true" viewBox="0 0 16 16">
                        <path d="m4 4 8 8m0-8-8 8" class="stroke" />
                      </svg>
                    </a>
                  </li>
                );
              })}
            </ul>
          )
          : null}
        <details class="builder">
          <summary class="chip chip-add">+ Condition</summary>
          <form method="get" action={here(path)} onSubmit={add}>
            <Kept kept={kept} />
            <input type="hidden" name="q" value={text.value} />
            <label>
              <span class="visually-hidden">Field</span>
              <select
                class="input"
                name="field"
                value={field.value}
                onChange={(event) => field.value = event.currentTarget.value}
              >
                {shown.map(({ name, label }) => (
                  <option key={name} value={name}>{label}</option>
                ))}
              </select>
            </label>
            <label>
              <span class="visually-hidden">Comparison</span>
              <select class="input" name="op">
                {[...allOps(chosen?.name)].map((op) => (
                  <option key={op} value={op}>{OP_WORDS[op]}</option>
                ))}
              </select>
            </label>
            <label>
              <span class="visually-hidden">Value</span>
              <input
                class="input"
                name="value"
                required
                maxLength={500}
                placeholder={chosen?.example}
                list="query-choices"
                autocomplete="off"
              />
            </label>
            <datalist id="query-choices">
              {(chosen?.choices ?? []).map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
            <button class="btn" type="submit">Add</button>
          </form>
        </details>
      </div>
    </div>
  );
}

/** Comparisons that the form offers; without a script it does not know which field is chosen. */
function allOps(name: string | undefined): readonly string[] {
  const field = name === undefined ? undefined : fieldNamed(name);
  return field === undefined
    ? Object.keys(OP_WORDS)
    : opsOf(field).flatMap((op) => op === ":" ? [":", "!:"] : [op]);
}

function Kept(
  { kept }: { kept: readonly (readonly [string, string])[] },
): VNode {
  return (
    <>
      {kept.map(([name, value]) => (
        <input key={name + value} type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

/** What is wrong, under the characters that it is about. */
function FaultNote(
  { text, fault, kept, path, onTake }: {
    text: string;
    fault: Fault;
    kept: readonly (readonly [string, string])[];
    path: string;
    onTake: (event: Event, fixed: string) => void;
  },
): VNode {
  const { at, length, message, suggestion } = fault;
  // A long query is shown around its fault.
  const start = Math.max(0, at - 60);
  const end = Math.min(text.length, at + length + 30);
  const fixed = text.slice(0, at) + (suggestion ?? "") +
    text.slice(at + length);
  const parameters = new URLSearchParams([...kept].map(([a, b]) => [a, b]));
  parameters.set("q", fixed);
  return (
    <div class="query-fault" id="query-fault" role="alert">
      <pre aria-hidden="true" data-column={at + 1}>
        {start > 0 ? "…" : ""}{printable(text.slice(start, at))}
        <mark>{printable(text.slice(at, at + length)) || " "}</mark>
        {printable(text.slice(at + length, end))}
      </pre>
      <p>
        Column {at + 1}: {message}. {suggestion === undefined ? null : (
          <a
            href={`${here(path)}?${parameters}`}
            onClick={(event) => onTake(event, fixed)}
          >
            Did you mean “{suggestion}”?
          </a>
        )}
      </p>
    </div>
  );
}
