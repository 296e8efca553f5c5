//! From packets to events: decodes each packet, puts fragments together, and hands the innermost
//! one to who follows its protocol.
use crate::connections::Connections;
use crate::conversations::Conversations;
use crate::file::{Fault, FileReader, Step};
use crate::fragments::Fragments;
use crate::ip::protocol;
use crate::limits::{CONVERSATIONS, FRAGMENTED, MESSAGES, STREAM_US};
use crate::link::{self, Skip};
use crate::number::{size, wide};
use crate::output::{End, Output, count};
use crate::packet::Span;
use crate::{tcp, udp};

/// How often unfinished ClientHellos are looked at, microseconds.
const SWEEP_US: u64 = 1_000_000;

/// The whole state: `FLOWS` connections and `STREAMS` unfinished ClientHellos.
#[derive(Debug)]
pub struct Engine<const FLOWS: usize, const STREAMS: usize> {
    link_type: u32,
    /// Where events and counts go.
    pub output: Output,
    now: u64,
    swept: u64,
    fragments: Fragments<FRAGMENTED>,
    connections: Connections<FLOWS, STREAMS>,
    conversations: Conversations<CONVERSATIONS, MESSAGES>,
}

impl<const FLOWS: usize, const STREAMS: usize> Engine<FLOWS, STREAMS> {
    /// Nothing seen; [`Engine::reset`] makes it ready.
    pub const EMPTY: Self = Self {
        link_type: 0,
        output: Output::EMPTY,
        now: 0,
        swept: 0,
        fragments: Fragments::EMPTY,
        connections: Connections::EMPTY,
        conversations: Conversations::EMPTY,
    };

    /// Begins a capture of `link_type`: forgets connections, keeps the counters.
    pub fn reset(&mut self, link_type: u32, seed: [u64; 4]) {
        self.link_type = link_type;
        self.now = 0;
        self.swept = 0;
        self.fragments.reset();
        self.connections.reset(seed);
        self.conversations.reset(seed);
    }

    /// Connections and unfinished ClientHellos held.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        let (flows, streams) = self.connections.held();
        let (conversations, messages) = self.conversations.held();
        (
            flows.saturating_add(conversations),
            streams.saturating_add(messages),
        )
    }

    /// Reads records of libpcap's file format (seconds, microseconds, captured length, length on
    /// the wire, bytes; numbers little-endian) from offset `start` of `batch`. Returns the offset
    /// of the first one that was not read: because the output is full, or the end is reached.
    pub fn batch(&mut self, batch: &[u8], start: usize) -> usize {
        let mut at = start;
        while let Some((header, rest)) = batch.get(at..).and_then(<[u8]>::split_first_chunk::<16>) {
            let [
                s0,
                s1,
                s2,
                s3,
                u0,
                u1,
                u2,
                u3,
                c0,
                c1,
                c2,
                c3,
                w0,
                w1,
                w2,
                w3,
            ] = *header;
            let captured = size(u32::from_le_bytes([c0, c1, c2, c3]));
            let Some(bytes) = rest.get(..captured) else {
                break;
            };
            let seconds = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
            let micros = u64::from(u32::from_le_bytes([u0, u1, u2, u3]));
            let ts = seconds.saturating_mul(1_000_000).saturating_add(micros);
            let wire = size(u32::from_le_bytes([w0, w1, w2, w3])).max(captured);
            if !self.output.writer.has_room() {
                break;
            }
            self.tick(ts);
            self.packet(ts, Span { bytes, wire });
            at = at.saturating_add(captured).saturating_add(16);
        }
        at
    }

    /// Reads `bytes` of a capture file from offset `start`. Returns the offset of the first byte
    /// that was not read: because the output is full, or what follows is not whole.
    ///
    /// # Errors
    /// Why the rest of the file cannot be read.
    pub fn file(
        &mut self,
        reader: &mut FileReader,
        bytes: &[u8],
        start: usize,
    ) -> Result<usize, Fault> {
        let mut at = start;
        while self.output.writer.has_room() {
            match reader.next(bytes.get(at..).unwrap_or_default())? {
                Step::Packet(found, used) => {
                    self.link_type = found.link_type;
                    self.tick(found.ts);
                    self.packet(found.ts, found.frame);
                    at = at.saturating_add(used);
                }
                Step::Other(used) => at = at.saturating_add(used),
                Step::More => break,
            }
        }
        Ok(at)
    }

    /// Takes note of the time: gives up ClientHellos that take too long. False if the output is
    /// full before all are.
    #[inline]
    pub fn tick(&mut self, now: u64) -> bool {
        self.now = self.now.max(now);
        if self.now.saturating_sub(self.swept) < SWEEP_US {
            return true;
        }
        let before = self.now.saturating_sub(STREAM_US);
        let done = self.sweep(before, End::Timeout);
        if done {
            let discarded = self.fragments.expire(self.now);
            let counter = &mut self.output.counters.fragments_discarded;
            *counter = counter.saturating_add(discarded);
            self.swept = self.now;
        }
        done
    }

    /// Gives up all unfinished ClientHellos. False if the output is full before all are.
    pub fn finish(&mut self) -> bool {
        self.sweep(u64::MAX, End::Finished)
    }

    fn sweep(&mut self, before: u64, end: End) -> bool {
        let out = &mut self.output;
        self.connections.sweep(out, before, end) && self.conversations.sweep(out, before, end)
    }

    #[inline]
    fn packet(&mut self, ts: u64, frame: Span<'_>) {
        let Self {
            output: out,
            fragments,
            connections,
            conversations,
            ..
        } = self;
        let counters = &mut out.counters;
        counters.packets = counters.packets.saturating_add(1);
        counters.bytes = counters.bytes.saturating_add(wide(frame.bytes.len()));
        let mut found = link::decode(self.link_type, frame);
        if let Ok(part) = &found
            && part.fragment.is_some()
        {
            let (whole, discarded) = fragments.insert(ts, part);
            let counter = &mut counters.fragments_discarded;
            *counter = counter.saturating_add(discarded);
            let Some(whole) = whole else {
                return;
            };
            found = link::resume(whole);
        }
        match found {
            // Fragments of a packet that a tunnel's fragments held.
            Ok(part) if part.fragment.is_some() => count(&mut counters.fragments_discarded),
            Ok(datagram) if datagram.protocol == protocol::TCP => match tcp::decode(&datagram) {
                Some(segment) => connections.segment(out, ts, &datagram, &segment),
                None => count(&mut counters.tcp_malformed),
            },
            Ok(datagram) => {
                let udp = (datagram.protocol == protocol::UDP)
                    .then(|| udp::decode(&datagram))
                    .flatten();
                let path = datagram.path;
                if !udp.is_some_and(|udp| conversations.datagram(out, ts, &udp, path)) {
                    count(&mut out.counters.not_tls);
                }
            }
            Err(Skip::LinkType) => count(&mut counters.link_type_unknown),
            Err(Skip::NotIp) => count(&mut counters.not_ip),
        }
    }
}
