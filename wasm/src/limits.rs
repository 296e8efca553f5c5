//! Sizes of every table and buffer. `lib/limits.ts` has the same numbers; a test compares them
//! through `abi::limit`.

/// Connections remembered at a time.
pub const FLOWS: usize = 131_072;
/// ClientHellos in the making at a time: those that came in more than one segment.
pub const STREAMS: usize = 2_048;
/// Bytes kept of a connection until its ClientHello is whole: one full record (RFC 8446, 5.1).
pub const STREAM_BYTES: usize = 5 + 16_384;
/// Separate stretches of bytes kept of one stream: the holes that segments out of order leave.
pub const STREAM_RANGES: usize = 32;
/// Senders of QUIC and DTLS remembered at a time.
pub const CONVERSATIONS: usize = 32_768;
/// ClientHellos of theirs in the making at a time.
pub const MESSAGES: usize = 1_024;
/// Longest UDP datagram.
pub const DATAGRAM_BYTES: usize = 65_535;
/// IP packets that are put together of fragments at a time.
pub const FRAGMENTED: usize = 128;
/// Longest IP packet, its header left out.
pub const FRAGMENTED_BYTES: usize = 65_535;
/// Separate stretches of bytes kept of one such packet.
pub const FRAGMENTED_RANGES: usize = 64;
/// Microseconds that fragments wait for others, as Linux has it.
pub const FRAGMENTED_US: u64 = 30_000_000;
/// Longest ClientHello message that is read, its four header bytes included.
pub const HELLO_BYTES: usize = 65_536;
/// Code points in all lists of a ClientHello up to which raw strings and lists are printed;
/// fingerprints are computed of any number.
pub const LISTED_CODE_POINTS: usize = 1_024;
/// Longest event line.
pub const EVENT_BYTES: usize = 65_536;
/// Packets handed over at a time, with their 16-byte headers.
pub const BATCH_BYTES: usize = 16 * 1_024 * 1_024;
/// Interfaces of one section of a pcapng file.
pub const INTERFACES: usize = 4_096;
/// Events handed back at a time.
pub const OUTPUT_BYTES: usize = 4 * 1_024 * 1_024;
/// Most events that one packet can cause: ClientHellos, and what a connection and a stream that
/// had to give way were holding.
pub const EVENTS_PER_PACKET: usize = 8;
/// Bytes of the constant fields of each event: sensor, boot, interface.
pub const CONTEXT_BYTES: usize = 2_048;
/// Microseconds that an unfinished ClientHello is kept after its first byte.
pub const STREAM_US: u64 = 30_000_000;

const _: () = assert!(EVENTS_PER_PACKET * EVENT_BYTES <= OUTPUT_BYTES);
const _: () = assert!(STREAM_BYTES <= HELLO_BYTES);
