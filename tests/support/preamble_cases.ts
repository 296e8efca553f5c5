/** Cases of what is said in clear text before a ClientHello. @module */
import type { Case } from "./capture_case.ts";
import {
  bytes,
  clientHello,
  Connection,
  type Packet,
  type Part,
  records,
  u16,
  vec16,
} from "./packets.ts";

const hello = records(clientHello());
const V2 = "\r\n\r\n\0\r\nQUIT\n";

/** A request of LDAP's StartTLS (RFC 4511, section 4.14.1). */
const LDAP = bytes(
  [0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22],
  "1.3.6.1.4.1.1466.20037",
);
/** MySQL's SSLRequest: capabilities with CLIENT_SSL, packet size, character set. */
const MYSQL = bytes(
  [32, 0, 0, 1],
  [5, 0xae, 0x3f, 0],
  [0, 0, 0, 1, 45],
  new Uint8Array(23),
);

/** Who speaks: the client's lines, each in a segment; the server's answer is left out. */
function said(port: number, ...lines: Part[]): (client: number) => Packet[] {
  return (client) => {
    const connection = new Connection({
      sourcePort: 50_000 + client,
      destinationPort: port,
    }).open();
    let at = 0;
    for (const line of [...lines, hello]) {
      connection.client(at, line);
      at += line.length;
    }
    return connection.packets;
  };
}

function conversations(
  ...list: ((client: number) => Packet[])[]
): readonly Packet[] {
  return list.flatMap((packets, client) => packets(client));
}

/** The cases. */
export const preambleCases: readonly Case[] = [
  {
    name: "starttls",
    shows:
      "TLS after a request for it: SMTP, LMTP, IMAP, POP3 (twice), FTP, LDAP, PostgreSQL (also after its request for GSS encryption), MySQL, XMPP and another protocol; `preamble` says which.",
    packets: conversations(
      said(25, "EHLO me\r\n", "STARTTLS\r\n"),
      said(24, "LHLO me\r\n", "STARTTLS\r\n"),
      said(143, "a1 CAPABILITY\r\n", "a2 STARTTLS\r\n"),
      said(110, "CAPA\r\n", "STLS\r\n"),
      said(110, "STLS\r\n"),
      said(21, "AUTH TLS\r\n"),
      said(389, LDAP),
      said(5432, [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]),
      said(
        5432,
        [0, 0, 0, 8, 4, 0xd2, 0x16, 0x30],
        [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f],
      ),
      said(3306, MYSQL),
      said(
        5222,
        "<?xml version='1.0'?><stream:stream to='example.org'>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
      ),
      said(4190, "STARTTLS\r\n"),
    ),
  },
  {
    name: "proxies",
    shows:
      "TLS through HTTP CONNECT, SOCKS 4 and SOCKS 5, and after words of a protocol that is not known.",
    packets: conversations(
      said(
        3128,
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
      ),
      said(1080, bytes([4, 1], u16(443), [198, 51, 100, 9], [0])),
      said(
        1080,
        [5, 1, 0],
        bytes([5, 1, 0, 3, 11], "example.org", u16(443)),
      ),
      said(7777, "something else\n"),
    ),
  },
  {
    name: "proxy-protocol",
    shows:
      "PROXY headers before the ClientHello: `proxy_src_ip` is the client that they name, `src_ip` stays the peer. Version 1 with IPv4, IPv6 and UNKNOWN, alone in a segment, and cut into two; version 2 with IPv4, with IPv6 and a TLV, and LOCAL.",
    packets: conversations(
      (client) =>
        once(client, "PROXY TCP4 203.0.113.9 198.51.100.7 51000 443\r\n"),
      (client) =>
        once(client, "PROXY TCP6 2001:db8::9 2001:db8::7 51000 443\r\n"),
      (client) => once(client, "PROXY UNKNOWN\r\n"),
      said(443, "PROXY TCP4 203.0.113.9 198.51.100.7 51000 443\r\n"),
      said(443, "PROXY TCP4 203.0.113.9 198", ".51.100.7 51000 443\r\n"),
      (client) =>
        once(
          client,
          V2,
          [0x21, 0x11],
          vec16([203, 0, 113, 9], [198, 51, 100, 7], u16(51_000), u16(443)),
        ),
      (client) =>
        once(
          client,
          V2,
          [0x21, 0x21],
          vec16(
            [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
            [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
            u16(51_000),
            u16(443),
            [4],
            vec16(new Uint8Array(3)),
          ),
        ),
      (client) => once(client, V2, [0x20, 0], [0, 0]),
    ),
  },
];

/** Everything in one segment. */
function once(client: number, ...header: Part[]): Packet[] {
  return new Connection({ sourcePort: 50_000 + client }).open()
    .client(0, bytes(...header, hello)).packets;
}
