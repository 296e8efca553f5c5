//! Bytes of ClientHellos that come in more than one segment: in any order, overlapping, repeated.
//! Of a byte that comes twice the first copy counts, as Linux has it.
use crate::limits::{STREAM_BYTES, STREAM_RANGES};
use crate::number::{narrow, size};
use crate::packet::Path;
use crate::record::Walk;

/// A stretch of offsets; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u32,
    end: u32,
}

/// What is kept of one direction of a connection.
#[derive(Debug)]
pub struct Stream {
    /// Connection it belongs to: `flow::Slot` as a number, and whether it is the high side.
    pub owner: (u32, bool),
    /// Time of the segment with the first byte; 0 before it came.
    pub begin_ts: u64,
    /// Time of the last segment.
    pub last_ts: u64,
    /// Tags and tunnels of the first segment.
    pub path: Path,
    /// Segments taken.
    pub segments: u32,
    /// Some segment came before an earlier one.
    pub out_of_order: bool,
    /// Offset from which bytes are missing because the capture cut a packet.
    pub cut_at: Option<u32>,
    /// Place in the records.
    pub walk: Walk,
    ranges: [Range; STREAM_RANGES],
    range_count: usize,
    bytes: [u8; STREAM_BYTES],
}

impl Stream {
    const EMPTY: Self = Self {
        owner: (0, false),
        begin_ts: 0,
        last_ts: 0,
        path: Path::EMPTY,
        segments: 0,
        out_of_order: false,
        cut_at: None,
        walk: Walk::START,
        ranges: [Range { start: 0, end: 0 }; STREAM_RANGES],
        range_count: 0,
        bytes: [0; STREAM_BYTES],
    };

    /// Makes it empty, but for the bytes, which no range covers.
    fn clear(&mut self, owner: (u32, bool), path: Path, walk: Walk) {
        self.owner = owner;
        self.begin_ts = 0;
        self.last_ts = 0;
        self.path = path;
        self.segments = 0;
        self.out_of_order = false;
        self.cut_at = None;
        self.walk = walk;
        self.range_count = 0;
    }

    fn ranges(&self) -> &[Range] {
        self.ranges.get(..self.range_count).unwrap_or_default()
    }

    /// Length of what is there from offset 0 on without a hole.
    #[must_use]
    pub fn contiguous(&self) -> usize {
        match self.ranges() {
            [Range { start: 0, end }, ..] => size(*end),
            _ => 0,
        }
    }

    /// The bytes from offset 0 on without a hole, and the place in them.
    pub fn front(&mut self) -> (&[u8], &mut Walk) {
        let length = self.contiguous();
        (self.bytes.get(..length).unwrap_or_default(), &mut self.walk)
    }

    /// Whether something lies after a hole.
    #[must_use]
    pub fn has_hole(&self) -> bool {
        match self.ranges() {
            [] => false,
            [first] => first.start != 0,
            _ => true,
        }
    }

    /// Keeps `payload` at `offset`; what is there already stays. False if there are too many
    /// holes to note one more.
    pub fn insert(&mut self, offset: usize, payload: &[u8]) -> bool {
        let start = narrow(offset);
        let end = narrow(offset.saturating_add(payload.len()).min(STREAM_BYTES));
        // The ranges that the new one touches: all others lie before or after.
        let before = self.ranges().partition_point(|range| range.end < start);
        let until = self.ranges().partition_point(|range| range.start <= end);
        let Some(touched) = self.ranges.get(before..until) else {
            return false;
        };
        if touched.is_empty() && self.range_count >= STREAM_RANGES {
            return false;
        }
        let mut at = start;
        let mut merged = Range { start, end };
        for range in touched {
            copy(&mut self.bytes, at, range.start.min(end), offset, payload);
            at = at.max(range.end);
            merged.start = merged.start.min(range.start);
            merged.end = merged.end.max(range.end);
        }
        copy(&mut self.bytes, at, end, offset, payload);
        // `merged` takes the place of those touched; what lies after moves.
        let last = before.saturating_add(1);
        if until <= self.range_count {
            if until == before {
                if let Some(tail) = self.ranges.get_mut(before..) {
                    tail.rotate_right(1);
                }
            } else {
                self.ranges.copy_within(until..self.range_count, last);
            }
        }
        if let Some(place) = self.ranges.get_mut(before) {
            *place = merged;
        }
        self.range_count = self
            .range_count
            .saturating_add(1)
            .saturating_sub(until.saturating_sub(before));
        true
    }

    /// Drops `count` bytes from the front; false if nothing is left.
    pub fn drop_front(&mut self, count: usize) -> bool {
        let dropped = narrow(count);
        let mut kept = 0;
        for index in 0..self.range_count {
            let Some(range) = self.ranges.get(index).copied() else {
                break;
            };
            if range.end > dropped {
                let moved = Range {
                    start: range.start.saturating_sub(dropped),
                    end: range.end.saturating_sub(dropped),
                };
                if let Some(place) = self.ranges.get_mut(kept) {
                    *place = moved;
                }
                kept = kept.saturating_add(1);
            }
        }
        self.range_count = kept;
        if count < STREAM_BYTES {
            self.bytes.copy_within(count.., 0);
        }
        self.cut_at = self.cut_at.and_then(|at| at.checked_sub(dropped));
        kept > 0
    }
}

/// Copies the offsets from `start` to `end` out of `payload`, which begins at `offset`.
fn copy(bytes: &mut [u8], start: u32, end: u32, offset: usize, payload: &[u8]) {
    if start >= end {
        return;
    }
    let (start, end) = (size(start), size(end));
    let from = start.saturating_sub(offset)..end.saturating_sub(offset);
    if let (Some(to), Some(from)) = (bytes.get_mut(start..end), payload.get(from)) {
        to.copy_from_slice(from);
    }
}

/// At most `N` streams.
#[derive(Debug)]
pub struct Streams<const N: usize> {
    /// When each began, microseconds; 0 for a free one. Apart, so that a search stays in cache.
    started: [u64; N],
    free: [u16; N],
    free_count: usize,
    /// Streams used at least once; those beyond are free as well.
    used: usize,
    streams: [Stream; N],
}

impl<const N: usize> Streams<N> {
    /// Nothing held.
    pub const EMPTY: Self = Self {
        started: [0; N],
        free: [0; N],
        free_count: 0,
        used: 0,
        streams: [const { Stream::EMPTY }; N],
    };

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.started.fill(0);
        self.free_count = 0;
        self.used = 0;
    }

    /// Streams held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.used.saturating_sub(self.free_count)
    }

    /// The owner of the oldest stream, if no other is free.
    #[must_use]
    pub fn in_the_way(&self) -> Option<(u32, bool)> {
        if self.free_count > 0 || self.used < N {
            return None;
        }
        let (index, _) = self.started.iter().enumerate().min_by_key(|(_, at)| **at)?;
        self.streams.get(index).map(|stream| stream.owner)
    }

    /// The owner of the first stream at or after `index` that began before `time`, and the index
    /// after it.
    #[must_use]
    pub fn next_before(&self, index: usize, time: u64) -> Option<((u32, bool), usize)> {
        let used = self.started.get(index..self.used)?;
        let ahead = used.iter().position(|at| *at != 0 && *at < time)?;
        let found = index.saturating_add(ahead);
        let owner = self.streams.get(found)?.owner;
        Some((owner, found.saturating_add(1)))
    }

    /// Takes a free stream; `None` if there is none.
    pub fn take(&mut self, owner: (u32, bool), now: u64, path: Path, walk: Walk) -> Option<u16> {
        let id = match self.free_count.checked_sub(1) {
            Some(last) => {
                self.free_count = last;
                *self.free.get(last)?
            }
            None if self.used < N => {
                let id = u16::try_from(self.used).ok()?;
                self.used = self.used.saturating_add(1);
                id
            }
            None => return None,
        };
        *self.started.get_mut(usize::from(id))? = now.max(1);
        self.get_mut(id)?.clear(owner, path, walk);
        Some(id)
    }

    /// Gives a stream back.
    pub fn release(&mut self, id: u16) {
        if let (Some(started), Some(place)) = (
            self.started.get_mut(usize::from(id)),
            self.free.get_mut(self.free_count),
        ) {
            *started = 0;
            *place = id;
            self.free_count = self.free_count.saturating_add(1);
        }
    }

    /// The stream `id`.
    pub fn get_mut(&mut self, id: u16) -> Option<&mut Stream> {
        self.streams.get_mut(usize::from(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Box<Stream> {
        Box::new(Stream::EMPTY)
    }

    #[test]
    fn insert_in_every_order_gives_the_same_bytes() {
        let data: Vec<u8> = (0..12).collect();
        let parts = [0..3, 3..6, 6..9, 9..12];
        for order in 0..24_usize {
            let mut left: Vec<_> = parts.to_vec();
            let mut stream = stream();
            let mut number = order;
            while !left.is_empty() {
                let part = left.remove(number % left.len());
                number /= 4;
                assert!(stream.insert(part.start, &data[part]));
            }
            assert_eq!(stream.front().0, data);
            assert!(!stream.has_hole());
        }
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let mut stream = stream();
        assert!(stream.insert(2, b"cd"));
        assert!(stream.insert(6, b"gh"));
        assert_eq!(stream.contiguous(), 0);
        assert!(stream.has_hole());
        assert!(stream.insert(0, b"AB-- EF--IJ"));
        assert_eq!(stream.front().0, b"ABcd Egh-IJ");
    }

    #[test]
    fn holes_are_bounded() {
        let mut stream = stream();
        for hole in 0..STREAM_RANGES {
            assert!(stream.insert(hole * 2, b"x"));
        }
        assert!(!stream.insert(STREAM_RANGES * 2, b"x"));
        assert!(stream.insert(1, b"x"));
        assert_eq!(stream.contiguous(), 3);
        assert!(stream.insert(STREAM_RANGES * 2, b"x"));
        assert!(!stream.insert(STREAM_BYTES - 1, b"x"));
        assert!(stream.insert(3, b"x"));
        assert!(stream.insert(STREAM_BYTES - 1, b"xyz"));
    }

    #[test]
    fn drop_front_keeps_what_follows() {
        let mut stream = stream();
        assert!(stream.insert(0, b"abcdef"));
        assert!(stream.insert(8, b"ij"));
        assert!(stream.drop_front(4));
        assert_eq!(stream.front().0, b"ef");
        assert!(stream.insert(2, b"gh"));
        assert_eq!(stream.front().0, b"efghij");
        assert!(!stream.drop_front(6));
    }

    #[test]
    fn streams_are_given_back_and_the_oldest_found() {
        let mut streams = Box::new(Streams::<2>::EMPTY);
        let mut take = |owner, now| streams.take((owner, false), now, Path::EMPTY, Walk::START);
        assert_eq!(
            (take(7, 50), take(8, 40), take(9, 60)),
            (Some(0), Some(1), None)
        );
        assert_eq!(streams.in_the_way(), Some((8, false)));
        assert_eq!(streams.next_before(0, 45), Some(((8, false), 2)));
        streams.release(1);
        assert_eq!((streams.held(), streams.in_the_way()), (1, None));
    }
}
