//! What is known of a sender and a receiver of QUIC or DTLS.
use crate::client_hello::ClientHello;
use crate::digest::sha256_16;
use crate::dtls;
use crate::event::{Arrival, Status};
use crate::ja4::Transport;
use crate::number::size;
use crate::output::Output;
use crate::preamble::Preamble;
use crate::quic::Keys;
use crate::stream::{Progress, Stream};
use crate::table::{Entry, Key, Side, Worth};

/// One direction between two ends.
#[derive(Debug)]
pub struct Conversation {
    key: Key,
    /// Time of the last packet that mattered, microseconds.
    pub seen: u64,
    /// What is spoken.
    pub transport: Transport,
    /// Bytes of a ClientHello that is not whole, if any.
    pub stream: Option<u16>,
    /// Some ClientHello was reported.
    pub told: bool,
    /// Digests of the last one and of its random.
    message: [u8; 16],
    random: [u8; 16],
    /// ClientHellos so far; of QUIC those under `keys`.
    pub hellos: u8,
    /// QUIC: where in the CRYPTO stream the next one begins.
    pub base: u64,
    /// QUIC: keys of the handshake.
    pub keys: Keys,
    /// DTLS: message_seq of what is in the making.
    pub sequence: u16,
    /// DTLS: its length.
    pub length: u32,
}

impl Entry for Conversation {
    const EMPTY: Self = Self {
        key: Key::NONE,
        seen: 0,
        transport: Transport::Tcp,
        stream: None,
        told: false,
        message: [0; 16],
        random: [0; 16],
        hellos: 0,
        base: 0,
        keys: Keys::NONE,
        sequence: 0,
        length: 0,
    };

    fn begin(key: Key, now: u64) -> Self {
        Self {
            key,
            seen: now,
            ..Self::EMPTY
        }
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn worth(&self) -> Worth {
        match (self.stream, self.told) {
            (Some(_), _) => Worth::Bytes,
            (None, true) => Worth::Nothing,
            (None, false) => Worth::Hope,
        }
    }
}

/// How a message came so far.
#[derive(Clone, Copy, Debug)]
pub struct Assembly {
    /// CRYPTO frames, or DTLS fragments.
    pub parts: u32,
    /// Number of the last datagram.
    pub datagram: u64,
}

impl Progress for Assembly {
    const START: Self = Self {
        parts: 0,
        datagram: 0,
    };
}

/// Length of the handshake message at the front of a stream, with its four bytes of header.
#[must_use]
pub fn announced(front: &[u8]) -> Option<usize> {
    let [_, high, middle, low] = front.first_chunk::<4>()?;
    Some(size(u32::from_be_bytes([0, *high, *middle, *low])).saturating_add(4))
}

impl Conversation {
    /// How the message in `stream` came, `announced` bytes of it.
    #[must_use]
    pub fn arrival(&self, stream: &Stream<Assembly>, announced: Option<usize>) -> Arrival {
        let (source, destination) = self.key.ends(Side::Low);
        let header = match self.transport {
            Transport::Dtls => dtls::HEADER_BYTES,
            Transport::Tcp | Transport::Quic => 4,
        };
        Arrival {
            ts: stream.last_ts,
            begin_ts: stream.begin_ts,
            source,
            destination,
            transport: self.transport,
            path: stream.path,
            hello: self.hellos.min(1),
            preamble: Preamble::None,
            proxied: None,
            bytes: announced.map(|total| total.saturating_sub(4).saturating_add(header)),
            records: stream.progress.parts,
            segments: stream.segments,
            out_of_order: stream.out_of_order,
            syn: None,
            rtt_us: None,
        }
    }

    /// Writes the event of a whole message, unless it is the last one again: a retransmission,
    /// or the answer to a Retry.
    pub fn tell(&mut self, out: &mut Output, mut arrival: Arrival, message: &[u8]) {
        let digest = sha256_16(message);
        if self.told && self.message == digest {
            return;
        }
        match ClientHello::parse(message, self.transport) {
            Ok(hello) => {
                let random = sha256_16(hello.random);
                let again = self.told && self.random == random;
                if self.transport == Transport::Dtls {
                    // message_seq counts from 0 in each handshake: 1 is the one with a cookie.
                    arrival.hello = u8::from(again || self.sequence > 0);
                } else if again {
                    arrival.hello = 1;
                }
                self.random = random;
                out.writer.complete(&arrival, &hello);
            }
            Err(fault) => out.writer.failed(&arrival, Status::Malformed, fault.word()),
        }
        self.told = true;
        self.message = digest;
    }
}
