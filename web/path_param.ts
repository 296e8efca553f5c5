import type { Context } from "fresh";

/**
 * A parameter of the route as it was meant: `a%2Fb` in the address is `a/b`. From the address itself:
 * Fresh keeps in its params what decodeURI() keeps, so that "%2F" and "%252F" could no longer be told apart.
 * What is no valid UTF-8 stays as it was sent.
 */
export function pathParam<State>(
  { route, url }: Pick<Context<State>, "route" | "url">,
  name: string,
): string {
  const parts = (route ?? "").split("/");
  const sent = url.pathname.split("/");
  const one = parts.indexOf(`:${name}`);
  const text = one >= 0
    ? sent[one] ?? ""
    : sent.slice(parts.indexOf(`:${name}*`)).join("/");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
