//! ClientHellos over UDP in the making: what was said so far, put together.
use crate::conversation::{Assembly, Conversation, announced};
use crate::event::Status;
use crate::ja4::Transport;
use crate::limits::STREAM_BYTES;
use crate::number::{narrow, size};
use crate::output::{End, Output, count};
use crate::packet::Path;
use crate::stream::{Progress, Streams};
use crate::table::{Key, Set, Slot, Table};

/// ClientHellos of one QUIC handshake: the first, and the one after a HelloRetryRequest.
pub const HELLOS: u8 = 2;
/// Type of the message.
pub const CLIENT_HELLO: u8 = 1;

/// At most `N` conversations, and the bytes of `MESSAGES` ClientHellos that are not whole.
#[derive(Debug)]
pub struct Messages<const N: usize, const MESSAGES: usize> {
    /// Who speaks.
    pub table: Table<Conversation, N>,
    /// What was said.
    pub streams: Streams<Assembly, MESSAGES>,
    /// Datagrams so far.
    pub datagrams: u64,
}

/// When a datagram came and how.
#[derive(Clone, Copy, Debug)]
pub struct Arriving {
    /// Microseconds.
    pub ts: u64,
    /// Tags and tunnels.
    pub path: Path,
}

/// A part of a message, at its place in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Of its first byte in the stream.
    pub offset: usize,
    /// As far as they were captured.
    pub bytes: &'a [u8],
    /// The first byte that was sent is in it.
    pub first: bool,
    /// The capture cut it.
    pub cut: bool,
}

impl<const N: usize, const MESSAGES: usize> Messages<N, MESSAGES> {
    /// Nothing held.
    pub const EMPTY: Self = Self {
        table: Table::EMPTY,
        streams: Streams::EMPTY,
        datagrams: 0,
    };

    /// Where the conversation is, or a place for it.
    pub fn claim(
        &mut self,
        out: &mut Output,
        (key, set): (Key, Set),
        found: Option<Slot>,
        ts: u64,
    ) -> Slot {
        if let Some(slot) = found {
            return slot;
        }
        let (slot, evicts) = self.table.place_for(set);
        if evicts {
            count(&mut out.counters.flows_evicted);
            self.give_up(out, slot, End::Evicted);
        }
        self.table.claim(slot, (key, set), ts);
        slot
    }

    /// Begins to keep bytes, with `front` as the first ones. False if there is no place.
    pub fn begin(
        &mut self,
        out: &mut Output,
        arriving: &Arriving,
        slot: Slot,
        front: &[u8],
    ) -> bool {
        if let Some((owner, _)) = self.streams.in_the_way() {
            count(&mut out.counters.streams_evicted);
            self.give_up(out, Slot::from_number(owner), End::Evicted);
        }
        let owner = (slot.number(), false);
        let Some(id) = self
            .streams
            .take(owner, arriving.ts, arriving.path, Assembly::START)
        else {
            return false;
        };
        if let Some(conversation) = self.table.get_mut(slot) {
            conversation.stream = Some(id);
        }
        self.streams
            .get_mut(id)
            .is_some_and(|stream| front.is_empty() || stream.pieces.insert(0, front))
    }

    /// Keeps a part and looks whether that makes a ClientHello whole.
    pub fn take(&mut self, out: &mut Output, arriving: &Arriving, slot: Slot, part: &Part<'_>) {
        if part.offset >= STREAM_BYTES {
            count(&mut out.counters.segments_discarded);
            return;
        }
        let held = |this: &Self| this.table.get(slot)?.stream;
        if held(self).is_none() && (part.bytes.is_empty() || !self.begin(out, arriving, slot, &[]))
        {
            return;
        }
        let datagram = self.datagrams;
        let Some(id) = held(self) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        let contiguous = stream.pieces.contiguous();
        stream.out_of_order |= part.offset > contiguous || stream.pieces.has_hole();
        if !part.bytes.is_empty() && !stream.pieces.insert(part.offset, part.bytes) {
            count(&mut out.counters.segments_discarded);
            return;
        }
        stream.last_ts = arriving.ts;
        if part.first && stream.begin_ts == 0 {
            stream.begin_ts = arriving.ts;
        }
        if part.cut && stream.cut_at.is_none() {
            stream.cut_at = Some(narrow(part.offset.saturating_add(part.bytes.len())));
        }
        let assembly = &mut stream.progress;
        assembly.parts = assembly.parts.saturating_add(1);
        if assembly.datagram != datagram {
            assembly.datagram = datagram;
            stream.segments = stream.segments.saturating_add(1);
        }
        self.read(out, slot, id);
    }

    /// Reports the ClientHellos at the front of a stream that are whole.
    fn read(&mut self, out: &mut Output, slot: Slot, id: u16) {
        loop {
            let (Some(conversation), Some(stream)) =
                (self.table.get_mut(slot), self.streams.get_mut(id))
            else {
                return;
            };
            let front = stream.pieces.front();
            let announced = announced(front);
            let ends = match (front.first(), announced) {
                (Some(kind), _) if *kind != CLIENT_HELLO => true,
                (_, Some(total)) if total > STREAM_BYTES => {
                    let arrival = conversation.arrival(stream, announced);
                    out.writer.failed(&arrival, Status::Truncated, "too_long");
                    conversation.told = true;
                    true
                }
                _ => false,
            };
            if ends {
                conversation.hellos = HELLOS;
                self.release(slot);
                return;
            }
            let whole = announced.and_then(|total| Some((total, front.get(..total)?)));
            let Some((total, message)) = whole else {
                if stream.cut_at.is_some_and(|at| size(at) <= front.len()) {
                    // What is missing now will not come.
                    self.give_up(out, slot, End::Closed);
                }
                return;
            };
            let arrival = conversation.arrival(stream, announced);
            conversation.tell(out, arrival, message);
            conversation.hellos = conversation.hellos.saturating_add(1);
            conversation.base = conversation.base.saturating_add(u64::from(narrow(total)));
            let more = conversation.transport == Transport::Quic && conversation.hellos < HELLOS;
            if !(stream.drop_front(total) && more) {
                self.release(slot);
                return;
            }
            stream.begin_ts = stream.last_ts;
            stream.segments = 1;
            stream.progress.parts = 1;
        }
    }

    /// Forgets what is kept of an unfinished message.
    pub fn release(&mut self, slot: Slot) {
        let conversation = self.table.get_mut(slot);
        if let Some(id) = conversation.and_then(|conversation| conversation.stream.take()) {
            self.streams.release(id);
        }
    }

    /// Ends with an unfinished message, and says so. A part of a ClientHello that was reported
    /// may have come again, so it is only said where none was.
    pub fn give_up(&mut self, out: &mut Output, slot: Slot, end: End) {
        let Some(conversation) = self.table.get_mut(slot) else {
            return;
        };
        if let Some(stream) = conversation.stream.and_then(|id| self.streams.get_mut(id))
            && !conversation.told
        {
            let front = stream.pieces.front();
            let arrival = conversation.arrival(stream, announced(front));
            let (status, reason) = match stream.cut_at {
                Some(at) if size(at) <= front.len() => (Status::Truncated, "snap_length"),
                _ if stream.pieces.has_hole() => (Status::Gap, "missing_segment"),
                _ => (Status::Truncated, end.word()),
            };
            out.writer.failed(&arrival, status, reason);
        }
        self.release(slot);
    }
}
