/**
 * Where to go after a login: a path of this site, whatever the parameter says. `//host`, `/\host`
 * and control characters, which browsers drop, would lead elsewhere.
 */
export function nextPage(text: string | null): string {
  // deno-lint-ignore no-control-regex
  const path = /^\/(?![/\\])[^\u0000-\u001f\\]*$/;
  if (text === null || !path.test(text)) return "/";
  const base = "http://here.invalid";
  const url = URL.parse(text, base);
  if (url === null || url.origin !== base) return "/";
  const { pathname, search } = url;
  return pathname.startsWith("//") ? "/" : pathname + search;
}
