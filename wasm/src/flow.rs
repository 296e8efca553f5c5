//! The TCP connections that are followed.
use crate::packet::Endpoint;
use crate::preamble::Preamble;
use crate::table::{Entry, Key, Side, Table, Worth};
use crate::tcp::SynFacts;

/// At most `N` connections; `N` is a multiple of eight.
pub type Flows<const N: usize> = Table<Flow, N>;

/// What is expected next of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A ClientHello, first or second.
    Hello,
    /// Something else was said; a ClientHello may follow at the front of some later segment.
    Clear,
    /// Nothing more.
    Done,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Direction {
    /// Sequence number of the first byte, by the SYN or the first segment that was taken.
    pub start: Option<u32>,
    /// Sequence number of the byte at which the next ClientHello is looked for.
    pub base: u32,
    /// Bytes from `base` on that are kept, if any.
    pub stream: Option<u16>,
    /// What is expected.
    pub state: State,
    /// ClientHellos so far.
    pub hellos: u8,
    /// The last of them offered early data.
    pub early_data: bool,
    /// What came before the first.
    pub preamble: Preamble,
}

impl Direction {
    const EMPTY: Self = Self {
        start: None,
        base: 0,
        stream: None,
        state: State::Hello,
        hellos: 0,
        early_data: false,
        preamble: Preamble::None,
    };

    /// Expects a ClientHello at `sequence`.
    pub fn begin(&mut self, sequence: u32) {
        self.start.get_or_insert(sequence);
        self.base = sequence;
        self.state = State::Hello;
    }
}

/// One connection.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    key: Key,
    low: Direction,
    high: Direction,
    /// Time of the last packet that mattered, microseconds.
    pub seen: u64,
    /// Time of the SYN; 0 if none was seen.
    pub syn_ts: u64,
    /// Facts of that SYN.
    pub syn: SynFacts,
    /// Time of the SYN/ACK and the acknowledgment that answers it.
    pub syn_ack: Option<(u64, u32)>,
    /// From the SYN/ACK to the client's ACK, microseconds.
    pub rtt_us: Option<u32>,
    /// Client that a PROXY header named.
    pub proxied: Option<Endpoint>,
}

impl Flow {
    const fn new(key: Key) -> Self {
        Self {
            key,
            low: Direction::EMPTY,
            high: Direction::EMPTY,
            seen: 0,
            syn_ts: 0,
            syn: SynFacts::EMPTY,
            syn_ack: None,
            rtt_us: None,
            proxied: None,
        }
    }

    /// One of its directions.
    #[must_use]
    pub fn direction(&self, side: Side) -> &Direction {
        match side {
            Side::Low => &self.low,
            Side::High => &self.high,
        }
    }

    /// One of its directions.
    pub fn direction_mut(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Low => &mut self.low,
            Side::High => &mut self.high,
        }
    }
}

impl Entry for Flow {
    const EMPTY: Self = Self::new(Key::NONE);

    fn begin(key: Key, now: u64) -> Self {
        let mut flow = Self::new(key);
        flow.seen = now;
        flow
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn worth(&self) -> Worth {
        let of = |direction: &Direction| match direction {
            Direction {
                stream: Some(_), ..
            } => Worth::Bytes,
            Direction {
                state: State::Done, ..
            } => Worth::Nothing,
            _ => Worth::Hope,
        };
        // One side is the client, the other says nothing that is looked for.
        match (of(&self.low), of(&self.high)) {
            (Worth::Nothing, Worth::Hope) | (Worth::Hope, Worth::Nothing) => Worth::Nothing,
            (low, high) => low.max(high),
        }
    }
}
