/**
 * The packet filter that the kernel runs: of each connection to our ports the packets in which a
 * ClientHello can be, and those that open and close it. Requests, uploads, bare ACKs and all that
 * the server sends stay in the kernel.
 *
 * The filter has no memory, so "the first bytes of a stream" cannot be said. It takes client
 * segments with data unless they begin with an application-data record (17 03); later segments
 * of a long ClientHello pass, as they begin with anything. Checked by running it over captures:
 * "first bytes 16 03" alone would lose every ClientHello of more than one segment.
 *
 * Of UDP it takes Initial packets of QUIC in datagrams of a client's length, and ClientHello
 * records of DTLS. Later fragments of IP packets have no ports, so all of them pass.
 *
 * @module
 */

/** What {@linkcode kernelFilter} is made for. */
export interface FilterOptions {
  readonly ports: readonly number[];
  /** Networks whose packets are left out, as `address/bits`. */
  readonly exclude: readonly string[];
  /** pcap-filter(7) expression on top. */
  readonly filter: string;
}

/** A pcap-filter(7) expression for any link layer that libpcap can filter. */
export function kernelFilter(options: FilterOptions): string {
  const to = (protocol: "tcp" | "udp"): string =>
    options.ports.map((port) => `${protocol} dst port ${port}`).join(" or ");
  // `tcp[...]` reads IPv4 only. Lengths are unsigned: a length of 0 in the IP header, as
  // offloading leaves it for very large packets, becomes huge and passes, as it should.
  const v4Header = "((tcp[12] & 0xf0) >> 2)";
  const v4Data = `(ip[2:2] - ((ip[0] & 0x0f) << 2) - ${v4Header})`;
  const v4 = clientPackets({
    control: "tcp[13] & 7 != 0",
    dataLength: v4Data,
    firstBytes: `tcp[${v4Header}:2]`,
  });
  const v6Header = "((ip6[52] & 0xf0) >> 2)";
  const v6 = clientPackets({
    control: "ip6[53] & 7 != 0",
    dataLength: `(ip6[4:2] - ${v6Header})`,
    firstBytes: `ip6[(40 + ${v6Header}):2]`,
  });
  const v4Datagrams = clientDatagrams((offset) => `udp[${offset}`);
  // The fixed header has 40 bytes.
  const v6Datagrams = clientDatagrams((offset) => `ip6[${40 + offset}`);
  const clients = [
    `ip and (${to("tcp")}) and (${v4})`,
    `ip6 and (${to("tcp")}) and (${v6})`,
    `ip and (${to("udp")}) and (${v4Datagrams})`,
    `ip6 and (${to("udp")}) and (${v6Datagrams})`,
    "ip and ip[6:2] & 0x1fff != 0",
    // Extension headers, that of fragments too, hide the ports from the filter.
    "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 60",
  ];
  const parts = [`((${clients.join(") or (")}))`];
  if (options.exclude.length > 0) {
    const networks = options.exclude.map((network) => `net ${network}`);
    parts.push(`not (${networks.join(" or ")})`);
  }
  if (options.filter.trim() !== "") parts.push(`(${options.filter})`);
  return parts.join(" and ");
}

interface Expressions {
  /** SYN, FIN or RST is set. */
  readonly control: string;
  readonly dataLength: string;
  readonly firstBytes: string;
}

function clientPackets(tcp: Expressions): string {
  const notData = `${tcp.firstBytes} != 0x1703`;
  return `${tcp.control} or (${tcp.dataLength} > 0 and ${notData})`;
}

/**
 * Initial packets of QUIC and ClientHellos of DTLS; `at` begins the access to an offset of UDP.
 *
 * A long header of type 0 or 1: Initial is 0 in version 1 and 1 in version 2, and the bit before
 * may be anything (RFC 9287). A client's datagram has 1,200 bytes (RFC 9000, section 14.1); the
 * length counts the 8 of the header. Of DTLS a handshake record whose message is a ClientHello,
 * or a fragment of one.
 */
function clientDatagrams(at: (offset: number) => string): string {
  const initial = `${at(8)}] & 0xa0 = 0x80 and ${at(4)}:2] >= 1208`;
  return `(${initial}) or (${at(8)}] = 22 and ${at(21)}] = 1)`;
}
