//! HandshakeEvents: one JSON line each, fields as `lib/events.ts` names them, the join key first.
use crate::ciphers::Ciphers;
use crate::client_hello::ClientHello;
use crate::extensions::Extensions;
use crate::fields::{write_arrival, write_fingerprints, write_head, write_hello};
use crate::ja3::Ja3;
use crate::ja4::{Ja4, Transport};
use crate::json::Json;
use crate::limits::{
    CONTEXT_BYTES, EVENT_BYTES, EVENTS_PER_PACKET, LISTED_CODE_POINTS, OUTPUT_BYTES,
};
use crate::lists::Lists;
use crate::packet::{Endpoint, Path};
use crate::preamble::Preamble;
use crate::tcp::SynFacts;
use crate::text::Text;

/// Why a ClientHello has no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its lengths contradict each other.
    Malformed,
    /// Its end was not captured or never sent.
    Truncated,
    /// A part before bytes that were seen is missing.
    Gap,
    /// The record format of SSL 2.0.
    Sslv2,
}

impl Status {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Malformed => b"malformed",
            Self::Truncated => b"truncated",
            Self::Gap => b"gap",
            Self::Sslv2 => b"sslv2",
        }
    }
}

/// How a ClientHello came to us: everything but the message itself.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Time of the packet that completed it or ended the attempt, microseconds.
    pub ts: u64,
    /// Time of the packet with its first byte.
    pub begin_ts: u64,
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// What carried it.
    pub transport: Transport,
    /// Tags and tunnels.
    pub path: Path,
    /// 0 for the first ClientHello of the connection, 1 for the second.
    pub hello: u8,
    /// What came before it.
    pub preamble: Preamble,
    /// Client that a PROXY header named.
    pub proxied: Option<Endpoint>,
    /// Length the message announces.
    pub bytes: Option<usize>,
    /// Records it came in.
    pub records: u32,
    /// Segments it came in.
    pub segments: u32,
    /// Some segment came before an earlier one.
    pub out_of_order: bool,
    /// The SYN and its time.
    pub syn: Option<(u64, SynFacts)>,
    /// From the SYN/ACK to the client's ACK.
    pub rtt_us: Option<u32>,
}

/// Counts since the start, by status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Events with a fingerprint.
    pub complete: u64,
    /// Lengths that contradict each other.
    pub malformed: u64,
    /// Not captured or not sent to the end.
    pub truncated: u64,
    /// A part is missing.
    pub gap: u64,
    /// SSL 2.0.
    pub sslv2: u64,
}

/// Writes events one after the other into a buffer that the host empties.
#[derive(Debug)]
pub struct Writer {
    context: Text<CONTEXT_BYTES>,
    sequence: u64,
    /// Events so far.
    pub written: Written,
    ciphers: Ciphers,
    extensions: Extensions,
    lists: Lists,
    ja4: Ja4,
    ja3: Ja3,
    length: usize,
    output: [u8; OUTPUT_BYTES],
}

impl Writer {
    /// Nothing written.
    pub const EMPTY: Self = Self {
        context: Text::EMPTY,
        sequence: 0,
        written: Written {
            complete: 0,
            malformed: 0,
            truncated: 0,
            gap: 0,
            sslv2: 0,
        },
        ciphers: Ciphers::EMPTY,
        extensions: Extensions::EMPTY,
        lists: Lists::EMPTY,
        ja4: Ja4::EMPTY,
        ja3: Ja3::EMPTY,
        length: 0,
        output: [0; OUTPUT_BYTES],
    };

    /// Takes the members that all events share, `"sensor":"a","boot":1` and the like, and the
    /// number of the last event.
    pub fn reset(&mut self, context: &[u8], sequence: u64) {
        self.context.clear();
        self.context.push(context);
        self.sequence = sequence;
        self.clear();
    }

    /// Number of the last event.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The lines so far.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.get(..self.length).unwrap_or_default()
    }

    /// Forgets the lines.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Whether whatever one packet causes still fits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        const NEEDED: usize = EVENTS_PER_PACKET * EVENT_BYTES;
        self.output.len().saturating_sub(self.length) >= NEEDED
    }

    /// Writes the event of a ClientHello that was read.
    pub fn complete(&mut self, arrival: &Arrival, hello: &ClientHello<'_>) {
        let Self {
            lists, ja4, ja3, ..
        } = self;
        lists.read(hello);
        let forms = (&self.ciphers.of(hello), &self.extensions.of(lists));
        ja4.compute(hello, lists, forms, arrival.transport);
        ja3.compute(hello, lists, forms);
        let listed = hello.code_points() <= LISTED_CODE_POINTS;
        let number = self.sequence.saturating_add(1);
        let context = self.context.as_bytes();
        let Some(room) = room(&mut self.output, self.length) else {
            return;
        };
        let mut json = Json::new(room);
        write_head(&mut json, arrival, number, context, b"complete", None);
        write_fingerprints(&mut json, hello, (ja4, ja3), forms, listed);
        write_hello(&mut json, hello, listed.then_some((ja3, forms.1)));
        write_arrival(&mut json, arrival);
        json.raw(b"}\n");
        let bytes = json.finish();
        self.advance(bytes, |written| &mut written.complete);
    }

    /// Writes the event of a ClientHello that could not be read.
    pub fn failed(&mut self, arrival: &Arrival, status: Status, reason: &str) {
        let number = self.sequence.saturating_add(1);
        let context = self.context.as_bytes();
        let Some(room) = room(&mut self.output, self.length) else {
            return;
        };
        let mut json = Json::new(room);
        let reason = Some(reason.as_bytes());
        write_head(&mut json, arrival, number, context, status.word(), reason);
        write_arrival(&mut json, arrival);
        json.raw(b"}\n");
        let bytes = json.finish();
        self.advance(bytes, |written| match status {
            Status::Malformed => &mut written.malformed,
            Status::Truncated => &mut written.truncated,
            Status::Gap => &mut written.gap,
            Status::Sslv2 => &mut written.sslv2,
        });
    }

    fn advance(&mut self, bytes: usize, counter: impl FnOnce(&mut Written) -> &mut u64) {
        if bytes > 0 {
            self.length = self.length.saturating_add(bytes);
            self.sequence = self.sequence.saturating_add(1);
            let counter = counter(&mut self.written);
            *counter = counter.saturating_add(1);
        }
    }
}

fn room(output: &mut [u8], length: usize) -> Option<&mut [u8]> {
    output.get_mut(length..length.saturating_add(EVENT_BYTES))
}
