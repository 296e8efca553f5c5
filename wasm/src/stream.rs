//! Bytes of ClientHellos that come in more than one packet.
use crate::limits::{STREAM_BYTES, STREAM_RANGES};
use crate::number::{narrow, size};
use crate::packet::Path;
use crate::pieces::Pieces;

/// Where the reader of a stream is.
pub trait Progress: Copy {
    /// At its start.
    const START: Self;
}

/// What is kept of one direction of a connection.
#[derive(Debug)]
pub struct Stream<P> {
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
    /// How far its reader came.
    pub progress: P,
    /// The bytes.
    pub pieces: Pieces<STREAM_BYTES, STREAM_RANGES>,
}

impl<P: Progress> Stream<P> {
    const EMPTY: Self = Self {
        owner: (0, false),
        begin_ts: 0,
        last_ts: 0,
        path: Path::EMPTY,
        segments: 0,
        out_of_order: false,
        cut_at: None,
        progress: P::START,
        pieces: Pieces::EMPTY,
    };

    /// Makes it empty, but for the bytes, which no range covers.
    fn clear(&mut self, owner: (u32, bool), path: Path, progress: P) {
        self.owner = owner;
        self.begin_ts = 0;
        self.last_ts = 0;
        self.path = path;
        self.segments = 0;
        self.out_of_order = false;
        self.cut_at = None;
        self.progress = progress;
        self.pieces.clear();
    }

    /// The bytes from offset 0 on without a hole, and the place in them.
    pub fn front(&mut self) -> (&[u8], &mut P) {
        (self.pieces.front(), &mut self.progress)
    }

    /// Drops `count` bytes from the front; false if nothing is left.
    pub fn drop_front(&mut self, count: usize) -> bool {
        self.cut_at = self
            .cut_at
            .and_then(|at| size(at).checked_sub(count))
            .map(narrow);
        self.pieces.drop_front(count)
    }
}

/// At most `N` streams.
#[derive(Debug)]
pub struct Streams<P, const N: usize> {
    /// When each began, microseconds; 0 for a free one. Apart, so that a search stays in cache.
    started: [u64; N],
    free: [u16; N],
    free_count: usize,
    /// Streams used at least once; those beyond are free as well.
    used: usize,
    streams: [Stream<P>; N],
}

impl<P: Progress, const N: usize> Streams<P, N> {
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
    pub fn take(&mut self, owner: (u32, bool), now: u64, path: Path, progress: P) -> Option<u16> {
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
        self.get_mut(id)?.clear(owner, path, progress);
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
    pub fn get_mut(&mut self, id: u16) -> Option<&mut Stream<P>> {
        self.streams.get_mut(usize::from(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Walk;

    #[test]
    fn streams_are_given_back_and_the_oldest_found() {
        let mut streams = Box::new(Streams::<Walk, 2>::EMPTY);
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
