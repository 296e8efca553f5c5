/** The captures that capture_bench.ts reads. @module */
import { CHROME_HELLO } from "../tests/support/chrome_hello.ts";
import {
  ACK,
  clientHello,
  Connection,
  EXT,
  extension,
  FIN,
  type Packet,
  records,
} from "../tests/support/packets.ts";

const CONNECTIONS = 8_000;
const HELLOS = 100_000;
/** Offsets in an Ethernet frame with IPv4 and TCP without options. */
const AT = { ip: 26, port: 34, random: 54 + 5 + 6 } as const;

/** Connections with a handshake, a ClientHello, 20 segments down with their ACKs, and an end. */
export function mixedTraffic(): Packet[] {
  const template = new Connection().open();
  const hello = records(clientHello({ extensions: extensions(0) }));
  template.client(0, hello);
  for (let segment = 0; segment < 20; segment++) {
    template.server(segment * 1400, new Uint8Array(1400).fill(0x17));
    if (segment % 2 === 1) template.client(hello.length, []);
  }
  template.client(hello.length, [], FIN | ACK);
  template.server(28_000, [], FIN | ACK);
  const packets: Packet[] = [];
  // Eight connections at a time, so that neighbours in the file are of different ones.
  for (let group = 0; group < CONNECTIONS; group += 8) {
    for (const packet of template.packets) {
      for (let member = 0; member < 8; member++) {
        packets.push(withClient(packet, group + member));
      }
    }
  }
  return packets;
}

/** One ClientHello a packet: browsers shuffle their extensions, so there are many orders. */
export function manyHellos(): Packet[] {
  const templates = Array.from({ length: 500 }, (_, order) => {
    const hello = records(clientHello({ extensions: extensions(order) }));
    return new Connection().client(0, hello).packets[0] as Packet;
  });
  return Array.from({ length: HELLOS }, (_, client) => {
    const packet = withClient(
      templates[client % templates.length] as Packet,
      client,
    );
    crypto.getRandomValues(packet.frame.subarray(AT.random, AT.random + 32));
    return packet;
  });
}

/** The packet between another client and the same server. */
function withClient(packet: Packet, client: number): Packet {
  const frame = packet.frame.slice();
  const view = new DataView(frame.buffer);
  const isClients = view.getUint16(AT.port + 2) === 443;
  view.setUint32(AT.ip + (isClients ? 0 : 4), 0x0a00_0000 + client);
  view.setUint16(AT.port + (isClients ? 0 : 2), 1024 + client % 60_000);
  return { ts: packet.ts, frame };
}

/** The extensions of a browser, in one of many orders. */
function extensions(order: number): Uint8Array[] {
  const list = [
    EXT.sni("www.example.com"),
    extension(0x17),
    extension(0xff01, [0]),
    EXT.groups(0x11ec, 0x1d, 0x17, 0x18),
    EXT.pointFormats(),
    EXT.sessionTicket(),
    EXT.alpn("h2", "http/1.1"),
    extension(5, [1, 0, 0, 0, 0]),
    EXT.signatureAlgorithms(...CHROME_HELLO.signature_algorithms),
    extension(0x12),
    EXT.versions(0x0304, 0x0303),
    extension(0x2d, [1, 1]),
    EXT.keyShare(0x1d, 32),
    extension(0x1b, [2, 0, 2]),
    extension(0x44cd, [0, 3, 2, 0x68, 0x32]),
    extension(0xfe0d, new Uint8Array(186)),
  ];
  const shuffled: Uint8Array[] = [];
  for (let number = order * 7919; list.length > 0; number = number / 3 | 0) {
    shuffled.push(...list.splice(number % list.length, 1));
  }
  return shuffled;
}
