//! IP packets in fragments (RFC 791, section 3.2; RFC 8200, section 4.5), put together. What
//! overlaps is taken from the fragment that came first; what stays in parts is discarded.
use crate::limits::{FRAGMENTED_BYTES, FRAGMENTED_RANGES, FRAGMENTED_US};
use crate::packet::{Datagram, IpFacts, Span};
use crate::pieces::Pieces;

/// What fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    source: u128,
    destination: u128,
    identification: u32,
    /// IPv4 tells packets apart by it as well; 0 for IPv6.
    protocol: u8,
}

/// One packet in the making.
#[derive(Debug)]
struct Packet {
    name: Name,
    /// Fragments so far.
    count: u32,
    /// Its length, once the last fragment came.
    total: Option<usize>,
    /// The first fragment came.
    begun: bool,
    /// Protocol and facts of its header.
    protocol: u8,
    facts: IpFacts,
    pieces: Pieces<FRAGMENTED_BYTES, FRAGMENTED_RANGES>,
}

/// At most `N` packets in the making.
#[derive(Debug)]
pub struct Fragments<const N: usize> {
    /// When each began, microseconds; 0 for a free place. Apart, so that a search stays in cache.
    started: [u64; N],
    packets: [Packet; N],
}

impl<const N: usize> Fragments<N> {
    /// Nothing held.
    pub const EMPTY: Self = Self {
        started: [0; N],
        packets: [const {
            Packet {
                name: Name {
                    source: 0,
                    destination: 0,
                    identification: 0,
                    protocol: 0,
                },
                count: 0,
                total: None,
                begun: false,
                protocol: 0,
                facts: IpFacts {
                    ttl: 0,
                    dont_fragment: false,
                    identification: None,
                },
                pieces: Pieces::EMPTY,
            }
        }; N],
    };

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.started.fill(0);
    }

    /// Gives up packets that wait for too long; returns how many fragments those were.
    pub fn expire(&mut self, now: u64) -> u64 {
        let before = now.saturating_sub(FRAGMENTED_US);
        let mut discarded: u64 = 0;
        for (started, packet) in self.started.iter_mut().zip(&self.packets) {
            if *started != 0 && *started < before {
                *started = 0;
                discarded = discarded.saturating_add(u64::from(packet.count));
            }
        }
        discarded
    }

    /// Takes the fragment `part`. Returns the packet if it is whole now, and how many fragments
    /// were discarded for it.
    pub fn insert<'a>(&'a mut self, now: u64, part: &Datagram<'_>) -> (Option<Datagram<'a>>, u64) {
        let Some(fragment) = part.fragment else {
            return (None, 1);
        };
        let version4 = part.facts.identification.is_some();
        let name = Name {
            source: part.source,
            destination: part.destination,
            identification: fragment.identification,
            protocol: if version4 { part.protocol } else { 0 },
        };
        let (index, discarded) = self.place(now, name);
        let (Some(packet), Some(started)) =
            (self.packets.get_mut(index), self.started.get_mut(index))
        else {
            return (None, discarded);
        };
        // All but the last end at a multiple of eight.
        let length = part.payload.bytes.len();
        let length = if fragment.more { length & !7 } else { length };
        let bytes = part.payload.bytes.get(..length).unwrap_or_default();
        let offset = usize::from(fragment.offset);
        let end = offset.saturating_add(length);
        let fits = end <= FRAGMENTED_BYTES && packet.total.is_none_or(|total| end <= total);
        if length == 0 || !fits || !packet.pieces.insert(offset, bytes) {
            return (None, discarded.saturating_add(1));
        }
        packet.count = packet.count.saturating_add(1);
        if offset == 0 && !packet.begun {
            packet.begun = true;
            packet.protocol = part.protocol;
            packet.facts = part.facts;
        }
        if !fragment.more && part.payload.missing() == 0 && packet.total.is_none() {
            packet.total = Some(end);
        }
        // A front without holes of the whole length has the first fragment in it.
        let whole = packet
            .total
            .and_then(|total| packet.pieces.front().get(..total));
        let Some(bytes) = whole else {
            return (None, discarded);
        };
        *started = 0;
        let whole = Datagram {
            protocol: packet.protocol,
            facts: packet.facts,
            fragment: None,
            payload: Span {
                bytes,
                wire: bytes.len(),
            },
            ..*part
        };
        (Some(whole), discarded)
    }

    /// Where the packet is, or a place for it: a free one, else that of the oldest, and how many
    /// fragments were there.
    fn place(&mut self, now: u64, name: Name) -> (usize, u64) {
        let mut best = (0, u64::MAX);
        for (index, started) in self.started.iter().enumerate() {
            let same = self.packets.get(index).is_some_and(|one| one.name == name);
            if *started != 0 && same {
                return (index, 0);
            }
            if *started < best.1 {
                best = (index, *started);
            }
        }
        let (index, before) = best;
        let mut discarded = 0;
        if let (Some(packet), Some(started)) =
            (self.packets.get_mut(index), self.started.get_mut(index))
        {
            if before != 0 {
                discarded = u64::from(packet.count);
            }
            *started = now.max(1);
            packet.name = name;
            packet.count = 0;
            packet.total = None;
            packet.begun = false;
            packet.pieces.clear();
        }
        (index, discarded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Fragment, Path};

    fn part(identification: u32, offset: u16, more: bool, bytes: &[u8]) -> Datagram<'_> {
        Datagram {
            source: 1,
            destination: 2,
            protocol: 17,
            facts: IpFacts {
                ttl: 64,
                dont_fragment: false,
                identification: Some(7),
            },
            fragment: Some(Fragment {
                identification,
                offset,
                more,
            }),
            payload: Span {
                bytes,
                wire: bytes.len(),
            },
            path: Path::EMPTY,
        }
    }

    fn bytes(found: (Option<Datagram<'_>>, u64)) -> (Option<Vec<u8>>, u64) {
        (found.0.map(|whole| whole.payload.bytes.to_vec()), found.1)
    }

    #[test]
    fn fragments_are_joined_in_any_order_and_the_first_copy_wins() {
        let mut fragments = Box::new(Fragments::<2>::EMPTY);
        assert_eq!(
            bytes(fragments.insert(1, &part(9, 16, false, b"end"))),
            (None, 0)
        );
        assert_eq!(
            bytes(fragments.insert(2, &part(9, 8, true, b"ABCDEFGH"))),
            (None, 0)
        );
        assert_eq!(
            bytes(fragments.insert(2, &part(9, 8, true, b"--------"))),
            (None, 0)
        );
        let whole = bytes(fragments.insert(3, &part(9, 0, true, b"12345678")));
        assert_eq!(whole, (Some(b"12345678ABCDEFGHend".to_vec()), 0));
        assert_eq!(fragments.started, [0, 0]);
    }

    #[test]
    fn fragments_that_do_not_fit_are_discarded() {
        let mut fragments = Box::new(Fragments::<2>::EMPTY);
        assert_eq!(
            bytes(fragments.insert(1, &part(9, 65_528, false, b"12345678"))),
            (None, 1)
        );
        assert_eq!(
            bytes(fragments.insert(1, &part(9, 8, false, b"end"))),
            (None, 0)
        );
        assert_eq!(
            bytes(fragments.insert(1, &part(9, 16, false, b"end"))),
            (None, 1)
        );
        assert_eq!(
            bytes(fragments.insert(1, &part(9, 0, true, b"short"))),
            (None, 1)
        );
    }

    #[test]
    fn the_oldest_gives_way_and_time_runs_out() {
        let mut fragments = Box::new(Fragments::<2>::EMPTY);
        for (now, name) in [(1, 1), (2, 2)] {
            assert_eq!(
                bytes(fragments.insert(now, &part(name, 0, true, b"12345678"))),
                (None, 0)
            );
        }
        assert_eq!(
            bytes(fragments.insert(3, &part(3, 0, true, b"12345678"))),
            (None, 1)
        );
        assert_eq!(
            bytes(fragments.insert(4, &part(1, 8, false, b"x"))),
            (None, 1)
        );
        assert_eq!(fragments.expire(FRAGMENTED_US), 0);
        assert_eq!(fragments.expire(FRAGMENTED_US + 4), 1);
        assert_eq!(fragments.expire(FRAGMENTED_US + 5), 1);
        assert_eq!(fragments.started, [0, 0]);
    }
}
