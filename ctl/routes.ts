/** Which interface leads to the world. @module */

/** RTF_UP and RTF_GATEWAY of route(7). */
const UP_GATEWAY = 0x3;

/** Interface of the IPv4 default route with the least metric; undefined if there is none. */
export async function defaultInterface(
  path = "/proc/net/route",
): Promise<string | undefined> {
  const lines = (await Deno.readTextFile(path)).trim().split("\n").slice(1);
  const routes = lines.map((line) => {
    const [name = "", destination, , flags = "0", , , metric] = line.split(
      /\s+/,
    );
    return { name, destination, flags: parseInt(flags, 16), metric };
  }).filter(({ destination, flags }) =>
    destination === "00000000" && (flags & UP_GATEWAY) === UP_GATEWAY
  );
  routes.sort((a, b) => Number(a.metric) - Number(b.metric));
  return routes[0]?.name;
}
