//! A table of fixed size in sets of eight, by the ends of a connection. Who fills it pushes out
//! old entries of the same set and nothing else, and looks through eight places.
use crate::number::{narrow, size};
use crate::packet::Endpoint;

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
    /// Stands in empty places.
    pub const NONE: Self = {
        let end = Endpoint {
            address: 0,
            port: 0,
        };
        Self {
            low: end,
            high: end,
        }
    };

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

    /// What goes from `source` to `destination` only; [`Side::Low`] of it.
    #[must_use]
    pub fn directed(source: Endpoint, destination: Endpoint) -> Self {
        Self {
            low: source,
            high: destination,
        }
    }

    /// The other direction of a directed one.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self::directed(self.high, self.low)
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

/// What a [`Table`] keeps of a connection.
pub trait Entry {
    /// Stands in empty places.
    const EMPTY: Self;

    /// A connection that begins.
    fn begin(key: Key, now: u64) -> Self;

    /// Its ends.
    fn key(&self) -> &Key;

    /// Time of the last packet that mattered, microseconds.
    fn seen(&self) -> u64;

    /// What is lost if it gives way.
    fn worth(&self) -> Worth;
}

/// What a connection may still bring, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// All that was looked for was said: nothing more.
    Nothing,
    /// A ClientHello may come.
    Hope,
    /// A part of a ClientHello came.
    Bytes,
}

/// At most `N` connections; `N` is a multiple of eight.
#[derive(Debug)]
pub struct Table<T, const N: usize> {
    seed: [u64; 4],
    held: usize,
    /// 0 for an empty place, else bits of the hash.
    tags: [u32; N],
    entries: [T; N],
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

impl<T: Entry, const N: usize> Table<T, N> {
    /// Nothing held.
    pub const EMPTY: Self = Self {
        seed: [0; 4],
        held: 0,
        tags: [0; N],
        entries: [const { T::EMPTY }; N],
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
                if self
                    .entries
                    .get(slot)
                    .is_some_and(|entry| entry.key() == key)
                {
                    return Some(Slot(slot));
                }
            }
        }
        None
    }

    /// Where a connection goes that is not remembered: an empty place, else that of the
    /// connection that is worth least, of those alike the one not seen for longest. The second
    /// value is true if a connection must give way.
    #[must_use]
    pub fn place_for(&self, Set { first, .. }: Set) -> (Slot, bool) {
        let mut best = (Slot(first), (Worth::Bytes, u64::MAX));
        for slot in first..first.saturating_add(WAYS) {
            if self.tags.get(slot) == Some(&0) {
                return (Slot(slot), false);
            }
            if let Some(entry) = self.entries.get(slot) {
                let rank = (entry.worth(), entry.seen());
                if rank < best.1 {
                    best = (Slot(slot), rank);
                }
            }
        }
        (best.0, true)
    }

    /// Begins the connection anew at `slot`.
    pub fn claim(&mut self, slot: Slot, (key, set): (Key, Set), now: u64) {
        if let (Some(place), Some(entry)) =
            (self.tags.get_mut(slot.0), self.entries.get_mut(slot.0))
        {
            if *place == 0 {
                self.held = self.held.saturating_add(1);
            }
            *place = set.tag;
            *entry = T::begin(key, now);
        }
    }

    /// The connection at `slot`.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.entries.get_mut(slot.0)
    }

    /// The connection at `slot`.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.entries.get(slot.0)
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
    use crate::flow::{Flow, State};

    fn key(port: u16) -> Key {
        let end = |address, port| Endpoint { address, port };
        Key::of(end(9, port), end(5, 443)).0
    }

    #[test]
    fn entries_are_found_in_both_directions_and_evicted_oldest_first() {
        let mut table = Box::new(Table::<Flow, 8>::EMPTY);
        table.reset([1, 2, 3, 4]);
        for port in 0..8 {
            let set = table.set_of(&key(port));
            let (slot, full) = table.place_for(set);
            assert!(!full);
            table.claim(slot, (key(port), set), u64::from(port) + 10);
        }
        assert_eq!(table.held(), 8);
        let set = table.set_of(&key(8));
        let (slot, full) = table.place_for(set);
        assert!(full);
        let oldest = table.set_of(&key(0));
        assert_eq!(Some(slot), table.find(&key(0), oldest));
        table.claim(slot, (key(8), set), 20);
        assert_eq!(table.find(&key(0), oldest), None);
        assert!(table.find(&key(8), set).is_some());
        assert_eq!(table.held(), 8);
    }

    #[test]
    fn what_is_done_gives_way_before_what_is_hoped_for_and_bytes_last() {
        let mut table = Box::new(Table::<Flow, 8>::EMPTY);
        table.reset([1, 2, 3, 4]);
        for port in 0..8 {
            let set = table.set_of(&key(port));
            let (slot, _) = table.place_for(set);
            table.claim(slot, (key(port), set), u64::from(port) + 10);
            let direction = table.get_mut(slot).unwrap().direction_mut(Side::Low);
            match port {
                0 => direction.stream = Some(7),
                5 | 6 => direction.state = State::Done,
                _ => {}
            }
        }
        let set = table.set_of(&key(9));
        for (time, gone) in [5, 6, 1, 2, 3, 4, 7].into_iter().enumerate() {
            let (slot, full) = table.place_for(set);
            assert!(full);
            let old = table.set_of(&key(gone));
            assert_eq!(Some(slot), table.find(&key(gone), old), "{gone}");
            table.claim(
                slot,
                (key(100 + gone), set),
                100 + u64::try_from(time).unwrap(),
            );
        }
        let held = table.set_of(&key(0));
        assert!(table.find(&key(0), held).is_some());
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
