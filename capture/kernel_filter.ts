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
 * records of DTLS, also inside a channel of TURN. Later fragments of IP packets have no ports, so
 * all of them pass, and so does the whole of a tunnel that is asked for.
 *
 * @module
 */

/** What {@linkcode kernelFilter} is made for. */
export interface FilterOptions {
  readonly ports: readonly number[];
  /** Addresses of the servers; all if empty. */
  readonly addresses: readonly string[];
  /** Networks whose packets are left out, as `address/bits`. */
  readonly exclude: readonly string[];
  /** Tagged packets too, with one tag or two, in addition to the one that the kernel removes. */
  readonly vlan: boolean;
  readonly tunnels: readonly Tunnel[];
  /** What a round trip is measured by: SYN/ACK of the server, ACK of the client. */
  readonly measureRtt: boolean;
  /** pcap-filter(7) expression on top. */
  readonly filter: string;
}

/** Link types whose frames have an EtherType: Ethernet, Linux cooked 1 and 2. */
const WITH_ETHER_TYPE: readonly number[] = [1, 113, 276];
const ETHERNET = 1;

const TUNNEL_FILTERS = {
  ipip: "ip proto 4 or ip6 proto 4",
  "6in4": "ip proto 41 or ip6 proto 41",
  gre: "ip proto 47 or ip6 proto 47",
  vxlan: "udp dst port 4789 or udp dst port 8472",
  geneve: "udp dst port 6081",
  gtp: "udp dst port 2152",
  teredo: "udp port 3544",
  l2tp: "udp port 1701 or ip proto 115",
  mpls: "ether proto 0x8847 or ether proto 0x8848",
  pppoe: "ether proto 0x8864",
  sgt: "ether proto 0x8909",
} as const;

/** An encapsulation that the parser removes. */
export type Tunnel = keyof typeof TUNNEL_FILTERS;

/** All of them. */
export const TUNNELS = Object.keys(TUNNEL_FILTERS) as readonly Tunnel[];

/** A pcap-filter(7) expression for packets of a link type (DLT_*). */
export function kernelFilter(options: FilterOptions, linkType: number): string {
  const parts = [`(${wanted(options, linkType)})`];
  if (options.exclude.length > 0) {
    const networks = options.exclude.map((network) => `src net ${network}`);
    parts.push(`not (${networks.join(" or ")})`);
  }
  if (options.filter.trim() !== "") parts.push(`(${options.filter})`);
  const untagged = parts.join(" and ");
  // Of other link layers the kernel has taken the tag away.
  if (!options.vlan || linkType !== ETHERNET) return untagged;
  // The word moves all that comes after it by one tag, so it is said twice for two.
  return `(${untagged}) or (vlan and ${untagged}) or (vlan and ${untagged})`;
}

function wanted(options: FilterOptions, linkType: number): string {
  const { addresses, measureRtt } = options;
  const hosts = (direction: "src" | "dst"): string =>
    addresses.length === 0
      ? ""
      : `(${
        addresses.map((address) => `${direction} host ${address}`).join(" or ")
      }) and `;
  const tunnels = options.tunnels.map((tunnel) => TUNNEL_FILTERS[tunnel])
    .filter((text) =>
      !text.startsWith("ether") || WITH_ETHER_TYPE.includes(linkType)
    );
  // In this language "and" binds no closer than "or".
  return [
    `${hosts("dst")}((${fromClients(options).join(") or (")}))`,
    ...measureRtt ? [`${hosts("src")}(${synAcks(options)})`] : [],
    ...tunnels,
  ].map((part) => `(${part})`).join(" or ");
}

/** `protocol` at one of our ports. */
function ports(
  options: FilterOptions,
  protocol: "tcp" | "udp",
  end: "src" | "dst",
): string {
  const list = options.ports.map((port) => `${protocol} ${end} port ${port}`);
  return `(${list.join(" or ")})`;
}

function fromClients(options: FilterOptions): string[] {
  // `tcp[...]` reads IPv4 only. Lengths are unsigned: a length of 0 in the IP header, as
  // offloading leaves it for very large packets, becomes huge and passes, as it should.
  const v4Header = "((tcp[12] & 0xf0) >> 2)";
  const v4Data = `(ip[2:2] - ((ip[0] & 0x0f) << 2) - ${v4Header})`;
  const v4 = clientPackets({
    control: "tcp[13] & 7 != 0",
    dataLength: v4Data,
    firstBytes: `tcp[${v4Header}:2]`,
    bareAcks: options.measureRtt,
  });
  const v6Header = "((ip6[52] & 0xf0) >> 2)";
  const v6 = clientPackets({
    control: "ip6[53] & 7 != 0",
    dataLength: `(ip6[4:2] - ${v6Header})`,
    firstBytes: `ip6[(40 + ${v6Header}):2]`,
    bareAcks: options.measureRtt,
  });
  const v4Datagrams = clientDatagrams((offset) => `udp[${offset}`);
  // The fixed header has 40 bytes.
  const v6Datagrams = clientDatagrams((offset) => `ip6[${40 + offset}`);
  return [
    `ip and ${ports(options, "tcp", "dst")} and (${v4})`,
    `ip6 and ${ports(options, "tcp", "dst")} and (${v6})`,
    `ip and ${ports(options, "udp", "dst")} and (${v4Datagrams})`,
    `ip6 and ${ports(options, "udp", "dst")} and (${v6Datagrams})`,
    "ip and ip[6:2] & 0x1fff != 0",
    // Extension headers, that of fragments too, hide the ports from the filter.
    "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 60",
  ];
}

function synAcks(options: FilterOptions): string {
  const from = ports(options, "tcp", "src");
  return `(ip and ${from} and tcp[13] & 0x12 = 0x12) or ` +
    `(ip6 and ${from} and ip6[53] & 0x12 = 0x12)`;
}

interface Expressions {
  /** SYN, FIN or RST is set. */
  readonly control: string;
  readonly dataLength: string;
  readonly firstBytes: string;
  /** Segments without data pass. */
  readonly bareAcks: boolean;
}

function clientPackets(tcp: Expressions): string {
  const notData = `${tcp.firstBytes} != 0x1703`;
  return tcp.bareAcks
    ? `${tcp.control} or ${tcp.dataLength} = 0 or ${notData}`
    : `${tcp.control} or (${tcp.dataLength} > 0 and ${notData})`;
}

/**
 * Initial packets of QUIC and ClientHellos of DTLS; `at` begins the access to an offset of UDP.
 *
 * A long header of type 0 or 1: Initial is 0 in version 1 and 1 in version 2, and the bit before
 * may be anything (RFC 9287). A client's datagram has 1,200 bytes (RFC 9000, section 14.1); the
 * length counts the 8 of the header. Of DTLS a handshake record whose message is a ClientHello,
 * or a fragment of one; a channel of TURN (RFC 8656, section 12.4) puts four bytes before it.
 */
function clientDatagrams(at: (offset: number) => string): string {
  const initial = `${at(8)}] & 0xa0 = 0x80 and ${at(4)}:2] >= 1208`;
  const hello = `${at(8)}] = 22 and ${at(21)}] = 1`;
  const channel = `${at(8)}] & 0xf0 = 0x40 and ${at(12)}] = 22 and ${
    at(25)
  }] = 1`;
  return `(${initial}) or (${hello}) or (${channel})`;
}
