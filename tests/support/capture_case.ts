/** What a case in tests/cases is. @module */
import type { Packet } from "./packets.ts";

/** One capture and what it shows. */
export interface Case {
  readonly name: string;
  /** What it shows, for its README. */
  readonly shows: string;
  readonly packets: readonly Packet[];
  /** LINKTYPE number, Ethernet unless given; of each packet where they differ (pcapng). */
  readonly linkType?: number | readonly number[];
}
