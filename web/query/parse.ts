/**
 * Query text to a {@linkcode Query}, or what is wrong with it and where.
 *
 *     query := or ; or := and ("or" and)* ; and := not (("and")? not)* ; not := ("not"|"-")? term
 *     term  := "(" query ")" | field op value | field ":" "(" value ("or" value)* ")" | word
 *     op    := ":" "=" "!=" ">" ">=" "<" "<=" "~" ; value := word | "quoted" | network | a..b | glob*
 *
 * Runs on the server and in the browser: what the editor shows is what the server will say.
 *
 * @module
 */
import { parseIp } from "../../lib/ip.ts";
import {
  EVERYTHING,
  group,
  negate,
  type Op,
  type Query,
  type Term,
  type Value,
} from "./ast.ts";
import {
  faultOf,
  fieldNamed,
  FIELDS,
  nearest,
  OPTIONAL,
  readNetwork,
  STATES,
} from "./fields.ts";

/** Characters a query may have, comparisons in it, and brackets in one another. */
export const TEXT_MAX = 4000;
const TERMS_MAX = 100;
const DEPTH_MAX = 20;

/** What is wrong, and where: characters `at` to `at + length` of the text. */
export interface Fault {
  /** A sentence without its full stop. */
  readonly message: string;
  /** Counted from 0. */
  readonly at: number;
  /** At least 1; may reach one beyond the end. */
  readonly length: number;
  /** What may have been meant, to stand in place of these characters. */
  readonly suggestion?: string;
}

export type Parsed =
  | { readonly ok: true; readonly query: Query }
  | { readonly ok: false; readonly fault: Fault };

/** Reads a query. */
export function parseQuery(text: string): Parsed {
  if (text.length > TEXT_MAX) {
    return {
      ok: false,
      fault: {
        message: `A query may have at most ${TEXT_MAX} characters`,
        at: TEXT_MAX,
        length: 1,
      },
    };
  }
  try {
    return { ok: true, query: new Parser(text).whole() };
  } catch (thrown) {
    if (thrown instanceof FaultError) {
      return { ok: false, fault: thrown.fault };
    }
    throw thrown;
  }
}

class FaultError extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

const SPACE = /[\s]/;
const OP = /[:=<>~!]/;
/** What a word that is not in quotes may not hold. */
const WORD_END = /[\s()"]/;

class Parser {
  readonly #text: string;
  #at = 0;
  #terms = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Query {
    this.#space();
    if (this.#at === this.#text.length) return EVERYTHING;
    const query = this.#or(0);
    if (this.#at < this.#text.length) {
      this.#fail('This ")" closes nothing', this.#at, 1);
    }
    return query;
  }

  #or(depth: number): Query {
    const parts = [this.#and(depth)];
    while (this.#keyword("or")) parts.push(this.#and(depth));
    return group("or", parts);
  }

  #and(depth: number): Query {
    const parts: Query[] = [];
    while (true) {
      this.#space();
      const before = this.#at;
      const joined = parts.length > 0 && this.#keyword("and");
      if (this.#ends()) {
        if (parts.length === 0 || joined) {
          this.#fail(
            joined
              ? '"and" needs something on both sides'
              : this.#at < this.#text.length
              ? 'Something is missing before this ")"'
              : "Something is missing here",
            joined ? before : this.#at,
            joined ? 3 : 1,
          );
        }
        break;
      }
      if (this.#peekKeyword("or")) {
        if (parts.length === 0 || joined) {
          this.#fail('"or" needs something on both sides', this.#at, 2);
        }
        break;
      }
      parts.push(this.#not(depth));
    }
    return group("and", parts);
  }

  #not(depth: number): Query {
    this.#space();
    const at = this.#at;
    if (this.#keyword("not")) {
      if (this.#ends() || this.#peekKeyword("or") || this.#peekKeyword("and")) {
        this.#fail('"not" needs something behind it', at, 3);
      }
      return negate(this.#not(depth + 1));
    }
    const next = this.#text[this.#at + 1];
    if (
      this.#text[this.#at] === "-" && next !== undefined && !SPACE.test(next)
    ) {
      this.#at++;
      return negate(this.#not(depth + 1));
    }
    return this.#term(depth);
  }

  #term(depth: number): Query {
    const start = this.#at;
    if (depth > DEPTH_MAX) {
      this.#fail("The query is nested too deeply", start, 1);
    }
    if (this.#text[start] === "(") {
      this.#at++;
      this.#space();
      const inner = this.#or(depth + 1);
      if (this.#text[this.#at] !== ")") {
        this.#fail('This "(" is not closed', start, 1);
      }
      this.#at++;
      return inner;
    }
    if (++this.#terms > TERMS_MAX) {
      this.#fail(`A query may have at most ${TERMS_MAX} comparisons`, start, 1);
    }
    return this.#comparison(start) ?? this.#word(start);
  }

  /** `field op value`; undefined where what stands here is a word of its own, such as an address. */
  #comparison(start: number): Query | undefined {
    const match = /^([A-Za-z][\w.]*)(:|!=|>=|<=|=|>|<|~)/.exec(
      this.#text.slice(start, start + 80),
    );
    if (match === null) return undefined;
    const [whole, name = "", sign = ""] = match;
    // fe80::1 is an address and no field "fe80".
    if (readNetwork(this.#bareWord(start)) !== undefined) return undefined;
    const field = name.toLowerCase();
    if (field === "is" || field === "has") {
      if (sign !== ":") {
        this.#fail(`"${field}" is followed by ":"`, start + name.length, 1);
      }
      this.#at += whole.length;
      return this.#flag(field);
    }
    const known = fieldNamed(field);
    if (known === undefined) {
      const names = FIELDS.map((one) => one.name);
      this.#fail(
        `There is no field "${name}"`,
        start,
        name.length,
        nearest(name, [...names, "is", "has"]),
      );
    }
    this.#at += whole.length;
    const op: Op = sign === "=" || sign === "!=" ? ":" : sign as Op;
    const places: { value: Value; at: number; length: number }[] = [];
    if (this.#text[this.#at] === "(") {
      if (op !== ":") {
        this.#fail(
          op === "~"
            ? "An expression with brackets belongs in quotes"
            : `A list of values needs ":", found "${op}"`,
          this.#at,
          1,
        );
      }
      places.push(...this.#list());
    } else places.push(this.#place(field, sign === "=" || sign === "!="));
    for (const { value, at, length } of places) {
      const fault = faultOf(known, op, value);
      if (fault !== undefined) {
        this.#fail(fault.message, at, length, fault.suggestion);
      }
    }
    const term: Term = {
      kind: "term",
      field,
      op,
      values: places.map((place) => place.value),
    };
    return sign === "!=" ? negate(term) : term;
  }

  #flag(field: "is" | "has"): Term {
    const { value, at, length } = this.#place(field, true);
    const words = field === "is" ? Object.keys(STATES) : OPTIONAL;
    const text = value.kind === "text" ? value.text.toLowerCase() : "";
    if (!words.includes(text)) {
      this.#fail(
        field === "is"
          ? `"is" knows ${words.join(", ")}`
          : `"has" is followed by a field that can be absent: ${
            words.join(", ")
          }`,
        at,
        length,
        nearest(text, words),
      );
    }
    return {
      kind: "term",
      field,
      op: ":",
      values: [{ kind: "text", text }],
    };
  }

  /** `(value or value ...)`, the bracket being next. */
  #list(): { value: Value; at: number; length: number }[] {
    const open = this.#at++;
    const places: { value: Value; at: number; length: number }[] = [];
    while (true) {
      this.#space();
      if (this.#at >= this.#text.length) {
        this.#fail('This "(" is not closed', open, 1);
      }
      if (this.#text[this.#at] === ")" && places.length > 0) {
        this.#at++;
        return places;
      }
      if (places.length > 0 && !this.#keyword("or")) {
        this.#fail('Expected "or" or ")" here', this.#at, 1);
      }
      this.#space();
      if (++this.#terms > TERMS_MAX) {
        this.#fail(
          `A query may have at most ${TERMS_MAX} comparisons`,
          this.#at,
          1,
        );
      }
      places.push(this.#place("the list", false));
    }
  }

  /** The value that stands here, with where. */
  #place(
    field: string,
    literal: boolean,
  ): { value: Value; at: number; length: number } {
    const at = this.#at;
    if (this.#text[at] === '"') {
      const text = this.#quoted();
      return { value: { kind: "text", text }, at, length: this.#at - at };
    }
    const raw = this.#raw();
    if (raw === "") {
      this.#fail(`A value is missing after "${field}"`, at, 1);
    }
    return { value: valueOf(raw, literal), at, length: this.#at - at };
  }

  /** A word without a field: an address, network, JA4 or AS number by its shape, else text to be found. */
  #word(start: number): Term {
    if (this.#text[start] === '"') {
      const text = this.#quoted();
      if (text === "") {
        this.#fail("There is nothing between these quotes", start, 2);
      }
      return word({ kind: "text", text });
    }
    const raw = this.#raw();
    if (raw === "") {
      this.#fail(`"${this.#text[start]}" cannot stand here`, start, 1);
    }
    if (OP.test(raw[0] ?? "")) {
      this.#fail(`A field is missing before "${raw[0]}"`, start, 1);
    }
    return wordTerm(raw);
  }

  /** Characters of a word up to its end, escapes as they are written. */
  #raw(): string {
    const start = this.#at;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? "";
      if (char === "\\") {
        if (this.#at + 1 >= this.#text.length) {
          this.#fail('A "\\" needs a character behind it', this.#at, 1);
        }
        this.#at += 2;
      } else if (WORD_END.test(char)) break;
      else this.#at++;
    }
    return this.#text.slice(start, this.#at);
  }

  #bareWord(start: number): string {
    const rest = this.#text.slice(start, start + 64);
    const end = rest.search(WORD_END);
    return end < 0 ? rest : rest.slice(0, end);
  }

  #quoted(): string {
    const start = this.#at++;
    let text = "";
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at++] ?? "";
      if (char === '"') return text;
      text += char === "\\" ? this.#text[this.#at++] ?? "" : char;
    }
    return this.#fail("This quote is not closed", start, 1);
  }

  #space(): void {
    while (SPACE.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #ends(): boolean {
    this.#space();
    return this.#at >= this.#text.length || this.#text[this.#at] === ")";
  }

  #peekKeyword(word: string): boolean {
    this.#space();
    const end = this.#at + word.length;
    const next = this.#text[end];
    return this.#text.slice(this.#at, end).toLowerCase() === word &&
      (next === undefined || WORD_END.test(next));
  }

  #keyword(word: string): boolean {
    if (!this.#peekKeyword(word)) return false;
    this.#at += word.length;
    this.#space();
    return true;
  }

  #fail(
    message: string,
    at: number,
    length: number,
    suggestion?: string,
  ): never {
    throw new FaultError({
      message,
      at,
      length,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
}

/** What an unquoted word says as a value. */
function valueOf(raw: string, literal: boolean): Value {
  if (!literal) {
    if (/(?:^|[^\\])(?:\\\\)*\*/.test(raw)) {
      return { kind: "glob", pattern: raw };
    }
    const range = /^((?:\\.|[^.\\]|\.(?!\.))+)\.\.((?:\\.|[^\\])+)$/.exec(raw);
    if (range !== null) {
      return {
        kind: "range",
        from: unescaped(range[1] ?? ""),
        to: unescaped(range[2] ?? ""),
      };
    }
  }
  return { kind: "text", text: unescaped(raw) };
}

function unescaped(raw: string): string {
  return raw.replaceAll(/\\(.)/gsu, "$1");
}

const JA4 = /^[tqd][0-9a-z]{9}_[0-9a-f]{12}_[0-9a-f]{12}$/;

function wordTerm(raw: string): Term {
  const field = readNetwork(raw) !== undefined
    ? "ip"
    : JA4.test(raw)
    ? "ja4"
    : /^AS\d{1,10}$/.test(raw)
    ? "asn"
    : "";
  if (field === "") return word(valueOf(raw, false));
  const text = field === "ip" ? parseIp(raw) ?? raw : raw;
  return { kind: "term", field, op: ":", values: [{ kind: "text", text }] };
}

function word(value: Value): Term {
  const plain: Value = value.kind === "range"
    ? { kind: "text", text: `${value.from}..${value.to}` }
    : value;
  return { kind: "term", field: "", op: ":", values: [plain] };
}
