//! TCP connections: finds the ClientHellos of each, whatever the network did to its segments.
use crate::event::Status;
use crate::flow::{Flows, State};
use crate::limits::{HELLO_BYTES, STREAM_BYTES};
use crate::number::{narrow, size};
use crate::output::{End, Output, count};
use crate::packet::{Datagram, Path};
use crate::preamble::{Preamble, is_proxy_front};
use crate::record::{Walk, is_sslv2, looks_like_hello};
use crate::search::{Search, arrival};
use crate::stream::{Progress, Streams};
use crate::table::{Entry, Key, Set, Side, Slot};
use crate::tcp::{Segment, SynFacts, flag};

/// A ClientHello on a connection that is done and silent for so long opens another connection
/// whose SYN was missed.
const REUSE_US: u64 = 60_000_000;
/// Zero bytes up to this many in front of a stream are padding of a bare ACK that the capture
/// took for data.
const PADDING_BYTES: usize = 6;

/// At most `FLOWS` connections and `STREAMS` unfinished ClientHellos of theirs.
#[derive(Debug)]
pub struct Connections<const FLOWS: usize, const STREAMS: usize> {
    flows: Flows<FLOWS>,
    streams: Streams<Walk, STREAMS>,
    room: [u8; HELLO_BYTES],
}

impl<const FLOWS: usize, const STREAMS: usize> Connections<FLOWS, STREAMS> {
    /// Nothing seen; [`Connections::reset`] makes it ready.
    pub const EMPTY: Self = Self {
        flows: Flows::EMPTY,
        streams: Streams::EMPTY,
        room: [0; HELLO_BYTES],
    };

    /// Forgets everything; `seed` makes places in the table unforeseeable.
    pub fn reset(&mut self, seed: [u64; 4]) {
        self.flows.reset(seed);
        self.streams.reset();
    }

    /// Connections and unfinished ClientHellos held.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.flows.held(), self.streams.held())
    }

    /// Gives up what began before `before`. False if the output is full before all is.
    pub fn sweep(&mut self, out: &mut Output, before: u64, end: End) -> bool {
        let mut index = 0;
        while let Some(((slot, high), next)) = self.streams.next_before(index, before) {
            if !out.writer.has_room() {
                return false;
            }
            self.give_up(out, Slot::from_number(slot), side_of(high), end);
            index = next;
        }
        true
    }

    /// Takes a segment that `datagram` holds.
    pub fn segment(
        &mut self,
        out: &mut Output,
        ts: u64,
        datagram: &Datagram<'_>,
        segment: &Segment<'_>,
    ) {
        let (key, side) = Key::of(segment.source, segment.destination);
        let set = self.flows.set_of(&key);
        let mut found = self.flows.find(&key, set);
        let payload = segment.payload.bytes;
        let mut sequence = segment.sequence;
        if segment.has(flag::SYN) {
            sequence = sequence.wrapping_add(1);
            if segment.has(flag::ACK) {
                if let Some(flow) = found.and_then(|slot| self.flows.get_mut(slot)) {
                    let direction = flow.direction_mut(side);
                    if direction.start.is_none() {
                        direction.begin(sequence);
                        flow.syn_ack = Some((ts, sequence));
                    }
                }
                return;
            }
            found = Some(self.syn(out, ts, (key, set, side), found, datagram, segment));
        }
        if !payload.is_empty() {
            // A connection that began before the capture is followed from a ClientHello on.
            if found.is_none() && (looks_like_hello(payload) || is_sslv2(payload)) {
                found = Some(self.claim(out, (key, set), None, ts));
            }
            if let Some(slot) = found {
                self.data(out, ts, (slot, side), datagram, segment, sequence);
            }
        } else if let Some(flow) = found.and_then(|slot| self.flows.get_mut(slot))
            && let Some((sent, expected)) = flow.syn_ack
            && flow.rtt_us.is_none()
            && segment.has(flag::ACK)
            && segment.acknowledgment == expected
        {
            flow.rtt_us = u32::try_from(ts.saturating_sub(sent)).ok();
        }
        if segment.has(flag::FIN | flag::RST)
            && let Some(slot) = found
        {
            let end = sequence.wrapping_add(narrow(segment.payload.wire));
            self.close(out, slot, side, segment.has(flag::RST), end);
        }
    }

    fn syn(
        &mut self,
        out: &mut Output,
        ts: u64,
        (key, set, side): (Key, Set, Side),
        found: Option<Slot>,
        datagram: &Datagram<'_>,
        segment: &Segment<'_>,
    ) -> Slot {
        let sequence = segment.sequence.wrapping_add(1);
        let same = found
            .and_then(|slot| self.flows.get(slot))
            .is_some_and(|flow| flow.direction(side).start == Some(sequence));
        let slot = match found {
            Some(slot) if same => slot,
            _ => self.claim(out, (key, set), found, ts),
        };
        // Of a SYN that is sent again the first time counts.
        if let Some(flow) = self.flows.get_mut(slot)
            && flow.syn_ts == 0
        {
            flow.syn_ts = ts.max(1);
            flow.syn = SynFacts::read(datagram, segment);
            if !same {
                flow.direction_mut(side).begin(sequence);
            }
        }
        slot
    }

    /// Makes room for a connection, its own if it was found, and begins it anew.
    fn claim(
        &mut self,
        out: &mut Output,
        (key, set): (Key, Set),
        found: Option<Slot>,
        ts: u64,
    ) -> Slot {
        let (slot, evicts) = found.map_or_else(|| self.flows.place_for(set), |slot| (slot, false));
        let end = if evicts { End::Evicted } else { End::Closed };
        if evicts {
            count(&mut out.counters.flows_evicted);
        }
        if evicts || found.is_some() {
            self.give_up(out, slot, Side::Low, end);
            self.give_up(out, slot, Side::High, end);
        }
        self.flows.claim(slot, (key, set), ts);
        slot
    }

    fn data(
        &mut self,
        out: &mut Output,
        ts: u64,
        (slot, side): (Slot, Side),
        datagram: &Datagram<'_>,
        segment: &Segment<'_>,
        sequence: u32,
    ) {
        let Some(flow) = self.flows.get_mut(slot) else {
            return;
        };
        let payload = segment.payload.bytes;
        let silent_us = ts.saturating_sub(flow.seen);
        flow.seen = flow.seen.max(ts);
        let direction = flow.direction_mut(side);
        match direction.state {
            State::Done if silent_us > REUSE_US && looks_like_hello(payload) => {
                let key = *flow.key();
                let set = self.flows.set_of(&key);
                self.flows.claim(slot, (key, set), ts);
                return self.data(out, ts, (slot, side), datagram, segment, sequence);
            }
            State::Done => return,
            State::Clear if looks_like_hello(payload) => direction.begin(sequence),
            State::Clear => {
                direction.preamble = direction.preamble.then(payload);
                return;
            }
            State::Hello if direction.start.is_none() => {
                if !looks_like_hello(payload) && !is_sslv2(payload) {
                    return;
                }
                direction.begin(sequence);
            }
            State::Hello => {}
        }
        // Bytes before `base` were looked at already: a keep-alive probe, a retransmission.
        let distance = sequence.wrapping_sub(direction.base).cast_signed();
        let past = if distance < 0 {
            size(distance.unsigned_abs())
        } else {
            0
        };
        let offset = size(distance.max(0).unsigned_abs());
        let payload = payload.get(past..).unwrap_or_default();
        if payload.is_empty() {
            return;
        }
        if offset >= STREAM_BYTES {
            count(&mut out.counters.segments_discarded);
            return;
        }
        let first = direction.stream.is_none() && direction.hellos == 0 && offset == 0;
        if first && payload.len() <= PADDING_BYTES && payload.iter().all(|byte| *byte == 0) {
            return;
        }
        let cut = segment.payload.missing() > 0;
        let mut walk = if direction.hellos == 0 {
            Walk::START
        } else {
            Walk::follow_up(direction.early_data)
        };
        let mut rest = payload;
        if direction.stream.is_none() && offset == 0 {
            let mut arrival = arrival(flow, side, ts);
            arrival.path = datagram.path;
            let search = Search {
                writer: &mut out.writer,
                room: &mut self.room,
            };
            let Some(used) = search.run(flow, side, &mut walk, payload, arrival) else {
                return;
            };
            let direction = flow.direction_mut(side);
            direction.base = direction.base.wrapping_add(narrow(used));
            rest = payload.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
        }
        self.keep(
            out,
            ts,
            (slot, side),
            offset,
            rest,
            (cut, datagram.path, walk),
        );
    }

    /// Keeps `payload` for later and looks whether that makes a ClientHello whole.
    fn keep(
        &mut self,
        out: &mut Output,
        ts: u64,
        (slot, side): (Slot, Side),
        offset: usize,
        payload: &[u8],
        (cut, path, walk): (bool, Path, Walk),
    ) {
        let held = |flows: &Flows<FLOWS>| flows.get(slot)?.direction(side).stream;
        if held(&self.flows).is_none() {
            if let Some((owner, high)) = self.streams.in_the_way() {
                count(&mut out.counters.streams_evicted);
                self.give_up(out, Slot::from_number(owner), side_of(high), End::Evicted);
            }
            let owner = (slot.number(), side == Side::High);
            let taken = self.streams.take(owner, ts, path, walk);
            if let Some(flow) = self.flows.get_mut(slot) {
                flow.direction_mut(side).stream = taken;
            }
        }
        let (Some(id), Some(flow)) = (held(&self.flows), self.flows.get_mut(slot)) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        if stream.pieces.has_hole() || offset > stream.pieces.contiguous() {
            stream.out_of_order = true;
        }
        if !stream.pieces.insert(offset, payload) {
            count(&mut out.counters.segments_discarded);
            return;
        }
        stream.segments = stream.segments.saturating_add(1);
        stream.last_ts = ts;
        if offset == 0 && stream.begin_ts == 0 {
            stream.begin_ts = ts;
        }
        if cut && stream.cut_at.is_none() {
            stream.cut_at = Some(narrow(offset.saturating_add(payload.len())));
        }
        let mut arrival = arrival(flow, side, ts);
        arrival.begin_ts = stream.begin_ts;
        arrival.path = stream.path;
        arrival.segments = stream.segments;
        arrival.out_of_order = stream.out_of_order;
        let search = Search {
            writer: &mut out.writer,
            room: &mut self.room,
        };
        let (bytes, walk) = stream.front();
        let used = search.run(flow, side, walk, bytes, arrival);
        let direction = flow.direction_mut(side);
        let keeps = match used {
            None => false,
            Some(0) => true,
            Some(used) => {
                direction.base = direction.base.wrapping_add(narrow(used));
                stream.segments = 1;
                stream.begin_ts = ts;
                stream.drop_front(used)
            }
        };
        if !keeps {
            direction.stream = None;
            self.streams.release(id);
            return;
        }
        let length = stream.pieces.contiguous();
        if stream.cut_at.is_some_and(|at| size(at) <= length) || length >= STREAM_BYTES {
            // What is missing now will not come.
            self.give_up(out, slot, side, End::Closed);
        }
    }

    /// The sender says that nothing comes after sequence number `end`, or breaks off.
    fn close(&mut self, out: &mut Output, slot: Slot, side: Side, reset: bool, end: u32) {
        let Some(flow) = self.flows.get_mut(slot) else {
            return;
        };
        let direction = flow.direction(side);
        let base = direction.base;
        let Some(stream) = direction.stream.and_then(|id| self.streams.get_mut(id)) else {
            if reset {
                flow.direction_mut(side).state = State::Done;
            }
            return;
        };
        // A FIN that comes before the segments it follows waits for them.
        if reset || base.wrapping_add(narrow(stream.pieces.contiguous())) == end {
            self.give_up(out, slot, side, End::Closed);
        }
    }

    /// Ends a direction; if a ClientHello had begun in it, says so.
    fn give_up(&mut self, out: &mut Output, slot: Slot, side: Side, end: End) {
        let Some(flow) = self.flows.get_mut(slot) else {
            return;
        };
        let Some(id) = flow.direction_mut(side).stream.take() else {
            return;
        };
        flow.direction_mut(side).state = State::Done;
        if let Some(stream) = self.streams.get_mut(id) {
            let direction = flow.direction(side);
            let (has_hole, cut_at) = (stream.pieces.has_hole(), stream.cut_at);
            let mut arrival = arrival(flow, side, stream.last_ts);
            arrival.begin_ts = stream.begin_ts;
            arrival.path = stream.path;
            arrival.segments = stream.segments;
            arrival.out_of_order = stream.out_of_order;
            let (bytes, walk) = stream.front();
            arrival.records = walk.records();
            arrival.bytes = walk.announced();
            // Fewer than six bytes do not say who is speaking; the SYN does.
            let opener = direction.hellos == 0
                && flow.syn_ts != 0
                && !bytes.is_empty()
                && !is_proxy_front(bytes);
            if (walk.begun() || opener) && direction.preamble != Preamble::Other {
                let (status, reason) = match cut_at {
                    Some(at) if size(at) <= bytes.len() => (Status::Truncated, "snap_length"),
                    _ if has_hole => (Status::Gap, "missing_segment"),
                    _ if bytes.len() >= STREAM_BYTES => (Status::Truncated, "too_long"),
                    _ => (Status::Truncated, end.word()),
                };
                out.writer.failed(&arrival, status, reason);
            }
        }
        self.streams.release(id);
    }
}

fn side_of(high: bool) -> Side {
    if high { Side::High } else { Side::Low }
}
