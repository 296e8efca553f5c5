/** What a case in tests/cases is, and ClientHellos that several have. @module */
import {
  clientHello,
  EXT,
  extension,
  ordinaryExtensions,
  type Packet,
} from "./packets.ts";

/** One capture and what it shows. */
export interface Case {
  readonly name: string;
  /** What it shows, for its README. */
  readonly shows: string;
  readonly packets: readonly Packet[];
  /** LINKTYPE number, Ethernet unless given; of each packet where they differ (pcapng). */
  readonly linkType?: number | readonly number[];
}

/** As most clients send it. */
export const ordinary = clientHello();
/** With a post-quantum key share: two segments of an Ethernet path. */
export const long = clientHello({
  extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
});

/** What follows a HelloRetryRequest: with its cookie. */
export const secondHello = clientHello({
  extensions: [...ordinaryExtensions(), extension(0x2c, [0, 1, 9])],
});
