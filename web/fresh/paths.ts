/** URL pattern of a route file: "/files/[...path]" is "/files/:path*"; "(group)" folders do not show. */
export function toPattern(id: string): string {
  const parts = id.split("/").filter((part) =>
    part !== "" && !/^\(.*\)$/.test(part)
  );
  if (parts.at(-1) === "index") parts.pop();
  const url = parts.map((part) => {
    if (part.startsWith("[[")) return `{/:${part.slice(2, -2)}}?`;
    if (part.startsWith("[...")) return `/:${part.slice(4, -1)}*`;
    return "/" + part.replaceAll(/\[(\w+)\]/g, ":$1");
  });
  return url.join("") || "/";
}

/** Shells (_app, _layout, ...) before pages, fixed segments before parameters before catch-alls. */
export function byRank(a: { id: string }, b: { id: string }): number {
  return sortKey(a.id) < sortKey(b.id) ? -1 : 1;
}

function sortKey(id: string): string {
  return id.split("/").map((part) => {
    const rank = part.startsWith("_")
      ? 0
      : part.startsWith("[...")
      ? 3
      : part.startsWith("[")
      ? 2
      : 1;
    return rank + part;
  }).join("/");
}
