//! Bytes that come in pieces: in any order, overlapping, repeated. Of a byte that comes twice the
//! first copy counts, as Linux has it.
use crate::number::{narrow, size};

/// A stretch of offsets; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u32,
    end: u32,
}

/// At most `BYTES` bytes with at most `RANGES` stretches between holes.
#[derive(Debug)]
pub struct Pieces<const BYTES: usize, const RANGES: usize> {
    ranges: [Range; RANGES],
    range_count: usize,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize, const RANGES: usize> Pieces<BYTES, RANGES> {
    /// Nothing there.
    pub const EMPTY: Self = Self {
        ranges: [Range { start: 0, end: 0 }; RANGES],
        range_count: 0,
        bytes: [0; BYTES],
    };

    /// Makes it empty.
    pub fn clear(&mut self) {
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

    /// The bytes from offset 0 on without a hole.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        self.bytes.get(..self.contiguous()).unwrap_or_default()
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
        let end = narrow(offset.saturating_add(payload.len()).min(BYTES));
        // The ranges that the new one touches: all others lie before or after.
        let before = self.ranges().partition_point(|range| range.end < start);
        let until = self.ranges().partition_point(|range| range.start <= end);
        let Some(touched) = self.ranges.get(before..until) else {
            return false;
        };
        if touched.is_empty() && self.range_count >= RANGES {
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
        if count < BYTES {
            self.bytes.copy_within(count.., 0);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 1000;
    const RANGES: usize = 8;

    fn pieces() -> Box<Pieces<BYTES, RANGES>> {
        Box::new(Pieces::EMPTY)
    }

    #[test]
    fn insert_in_every_order_gives_the_same_bytes() {
        let data: Vec<u8> = (0..12).collect();
        let parts = [0..3, 3..6, 6..9, 9..12];
        for order in 0..24_usize {
            let mut left: Vec<_> = parts.to_vec();
            let mut pieces = pieces();
            let mut number = order;
            while !left.is_empty() {
                let part = left.remove(number % left.len());
                number /= 4;
                assert!(pieces.insert(part.start, &data[part]));
            }
            assert_eq!(pieces.front(), data);
            assert!(!pieces.has_hole());
        }
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let mut pieces = pieces();
        assert!(pieces.insert(2, b"cd"));
        assert!(pieces.insert(6, b"gh"));
        assert_eq!(pieces.contiguous(), 0);
        assert!(pieces.has_hole());
        assert!(pieces.insert(0, b"AB-- EF--IJ"));
        assert_eq!(pieces.front(), b"ABcd Egh-IJ");
    }

    #[test]
    fn holes_are_bounded() {
        let mut pieces = pieces();
        for hole in 0..RANGES {
            assert!(pieces.insert(hole * 2, b"x"));
        }
        assert!(!pieces.insert(RANGES * 2, b"x"));
        assert!(pieces.insert(1, b"x"));
        assert_eq!(pieces.contiguous(), 3);
        assert!(pieces.insert(RANGES * 2, b"x"));
        assert!(!pieces.insert(BYTES - 1, b"x"));
        assert!(pieces.insert(3, b"x"));
        assert!(pieces.insert(BYTES - 1, b"xyz"));
    }

    #[test]
    fn drop_front_keeps_what_follows() {
        let mut pieces = pieces();
        assert!(pieces.insert(0, b"abcdef"));
        assert!(pieces.insert(8, b"ij"));
        assert!(pieces.drop_front(4));
        assert_eq!(pieces.front(), b"ef");
        assert!(pieces.insert(2, b"gh"));
        assert_eq!(pieces.front(), b"efghij");
        assert!(!pieces.drop_front(6));
    }
}
