/** The network of an address. @module */

/** The /24 of an IPv4 address or the /48 of an IPv6 one, as text that is equal for equal networks. */
export function networkOf(src_ip: string): string {
  if (!src_ip.includes(":")) return src_ip.slice(0, src_ip.lastIndexOf("."));
  const [head = "", tail = ""] = src_ip.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const zeros = src_ip.includes("::") ? 8 - left.length - right.length : 0;
  return [...left, ...Array<string>(zeros).fill("0"), ...right].slice(0, 3)
    .join(":");
}
