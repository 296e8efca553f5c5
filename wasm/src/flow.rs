//! The connections that are followed: a table of fixed size in sets of eight. Who fills it
//! pushes out old connections of the same set and nothing else, and looks through eight places.
use crate::number::{narrow, size};
use crate::packet::Endpoint;
use crate::preamble::Preamble;
use crate::tcp::SynFacts;

/// Places of one set.
const WAYS: usize = 8;

/// Both ends of a connection, the smaller one first, so that either direction finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    low: Endpoint,
    high: Endpoint,
}

/// A direction of a connection, named by the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the smaller end.
    Low,
    /// From the greater end.
    High,
}

impl Key {
    /// The connection of a packet, and its direction.
    #[must_use]
    #[inline]
    pub fn of(source: Endpoint, destination: Endpoint) -> (Self, Side) {
        if source <= destination {
            let (low, high) = (source, destination);
            (Self { low, high }, Side::Low)
        } else {
            let (low, high) = (destination, source);
            (Self { low, high }, Side::High)
        }
    }

    /// Sender and receiver of what goes in direction `side`.
    #[must_use]
    pub fn ends(&self, side: Side) -> (Endpoint, Endpoint) {
        match side {
            Side::Low => (self.low, self.high),
            Side::High => (self.high, self.low),
        }
    }
}

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

const NO_END: Endpoint = Endpoint {
    address: 0,
    port: 0,
};

impl Flow {
    const EMPTY: Self = Self::new(Key {
        low: NO_END,
        high: NO_END,
    });

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

    /// Its ends.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
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

    /// Whether bytes of an unfinished ClientHello are kept.
    fn holds_bytes(&self) -> bool {
        self.low.stream.is_some() || self.high.stream.is_some()
    }
}

/// At most `N` connections; `N` is a multiple of eight.
#[derive(Debug)]
pub struct Flows<const N: usize> {
    seed: [u64; 4],
    held: usize,
    /// 0 for an empty place, else bits of the hash.
    tags: [u32; N],
    flows: [Flow; N],
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// The set of a connection and its tag there.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    first: usize,
    tag: u32,
}

impl<const N: usize> Flows<N> {
    /// Nothing held.
    pub const EMPTY: Self = Self {
        seed: [0; 4],
        held: 0,
        tags: [0; N],
        flows: [Flow::EMPTY; N],
    };

    /// Forgets everything. `seed` makes the places unforeseeable.
    pub fn reset(&mut self, seed: [u64; 4]) {
        self.seed = seed;
        self.held = 0;
        self.tags.fill(0);
    }

    /// Connections remembered.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Where to look for `key`.
    #[must_use]
    #[inline]
    pub fn set_of(&self, key: &Key) -> Set {
        let [s0, s1, s2, s3] = self.seed;
        let ports = u64::from(key.low.port) << 16 | u64::from(key.high.port);
        let (low0, low1) = halves(key.low.address);
        let (high0, high1) = halves(key.high.address);
        let hash = fold(low0 ^ s0, low1 ^ s1)
            ^ fold(high0 ^ s2, high1 ^ s3).rotate_left(23)
            ^ fold(ports ^ s1, s2 | 1);
        let (set, tag) = halves(u128::from(fold(hash ^ s3, s0 | 1)) << 32);
        let tag = u32::try_from(tag >> 32).unwrap_or(1) | 1;
        let sets = N / WAYS;
        let set = u32::try_from(set).unwrap_or(0);
        let first = size(set)
            .checked_rem(sets)
            .unwrap_or(0)
            .saturating_mul(WAYS);
        Set { first, tag }
    }

    /// Where the connection is, if it is remembered.
    #[must_use]
    #[inline]
    pub fn find(&self, key: &Key, Set { first, tag }: Set) -> Option<Slot> {
        let set = self.tags.get(first..)?.first_chunk::<WAYS>()?;
        for (way, found) in set.iter().enumerate() {
            if *found == tag {
                let slot = first.saturating_add(way);
                if self.flows.get(slot).is_some_and(|flow| flow.key == *key) {
                    return Some(Slot(slot));
                }
            }
        }
        None
    }

    /// Where a connection goes that is not remembered: an empty place, else that of the
    /// connection not seen for longest, those that hold bytes last. The second value is true if
    /// a connection must give way.
    #[must_use]
    pub fn place_for(&self, Set { first, .. }: Set) -> (Slot, bool) {
        let mut best = (Slot(first), (true, u64::MAX));
        for slot in first..first.saturating_add(WAYS) {
            if self.tags.get(slot) == Some(&0) {
                return (Slot(slot), false);
            }
            if let Some(flow) = self.flows.get(slot) {
                let rank = (flow.holds_bytes(), flow.seen);
                if rank < best.1 {
                    best = (Slot(slot), rank);
                }
            }
        }
        (best.0, true)
    }

    /// Begins the connection anew at `slot`.
    pub fn claim(&mut self, slot: Slot, (key, set): (Key, Set), now: u64) {
        if let (Some(place), Some(flow)) = (self.tags.get_mut(slot.0), self.flows.get_mut(slot.0)) {
            if *place == 0 {
                self.held = self.held.saturating_add(1);
            }
            *place = set.tag;
            *flow = Flow::new(key);
            flow.seen = now;
        }
    }

    /// The connection at `slot`.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut Flow> {
        self.flows.get_mut(slot.0)
    }

    /// The connection at `slot`.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&Flow> {
        self.flows.get(slot.0)
    }
}

impl Slot {
    /// As stored with a stream.
    #[must_use]
    pub fn number(self) -> u32 {
        narrow(self.0)
    }

    /// From what was stored.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        Self(size(number))
    }
}

/// High and low 64 bits.
#[inline]
fn halves(value: u128) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = value.to_be_bytes();
    (
        u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        u64::from_be_bytes([i, j, k, l, m, n, o, p]),
    )
}

/// The product of both, its halves folded onto each other: every bit depends on every bit.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let (high, low) = halves(u128::from(a).wrapping_mul(u128::from(b)));
    high ^ low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        let end = |address, port| Endpoint { address, port };
        Key::of(end(9, port), end(5, 443)).0
    }

    #[test]
    fn flows_are_found_in_both_directions_and_evicted_oldest_first() {
        let mut flows = Box::new(Flows::<8>::EMPTY);
        flows.reset([1, 2, 3, 4]);
        for port in 0..8 {
            let set = flows.set_of(&key(port));
            let (slot, full) = flows.place_for(set);
            assert!(!full);
            flows.claim(slot, (key(port), set), u64::from(port) + 10);
        }
        assert_eq!(flows.held(), 8);
        let set = flows.set_of(&key(8));
        let (slot, full) = flows.place_for(set);
        assert!(full);
        let oldest = flows.set_of(&key(0));
        assert_eq!(Some(slot), flows.find(&key(0), oldest));
        flows.claim(slot, (key(8), set), 20);
        assert_eq!(flows.find(&key(0), oldest), None);
        assert!(flows.find(&key(8), set).is_some());
        assert_eq!(flows.held(), 8);
    }

    #[test]
    fn key_is_the_same_for_both_directions() {
        let a = Endpoint {
            address: 1,
            port: 2,
        };
        let b = Endpoint {
            address: 1,
            port: 3,
        };
        let ((there, side), (back, other)) = (Key::of(a, b), Key::of(b, a));
        assert_eq!(there, back);
        assert_eq!((side, other), (Side::Low, Side::High));
        assert_eq!(there.ends(Side::High), (b, a));
    }
}
