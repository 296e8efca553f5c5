//! ClientHellos over UDP: QUIC and DTLS. What goes from one end to another is a conversation; who
//! of them is the client is told by the ClientHello.
use crate::dtls;
use crate::ja4::Transport;
use crate::limits::DATAGRAM_BYTES;
use crate::messages::{Arriving, CLIENT_HELLO, HELLOS, Messages, Part};
use crate::number::size;
use crate::output::{End, Output, count};
use crate::packet::{Path, Span};
use crate::quic::{self, CryptoFrames, Initial, Keys, Packet};
use crate::table::{Key, Set, Slot};
use crate::udp::{Udp, without_channel};
use core::ops::Range;

/// Initial packets that are looked at in one datagram: each costs as much as twenty of others.
const INITIALS: u8 = 4;
/// Events after which the rest of a datagram is left: with what one more packet can cause and
/// push out that stays below [`crate::limits::EVENTS_PER_PACKET`].
const EVENTS: u64 = 4;

/// At most `N` conversations and `MESSAGES` unfinished ClientHellos of theirs.
#[derive(Debug)]
pub struct Conversations<const N: usize, const MESSAGES: usize> {
    kept: Messages<N, MESSAGES>,
    /// A packet without its protection.
    room: [u8; DATAGRAM_BYTES],
}

impl<const N: usize, const MESSAGES: usize> Conversations<N, MESSAGES> {
    /// Nothing seen; [`Conversations::reset`] makes it ready.
    pub const EMPTY: Self = Self {
        kept: Messages::EMPTY,
        room: [0; DATAGRAM_BYTES],
    };

    /// Forgets everything; `seed` makes places in the table unforeseeable.
    pub fn reset(&mut self, seed: [u64; 4]) {
        self.kept.table.reset(seed);
        self.kept.streams.reset();
    }

    /// Conversations and unfinished ClientHellos held.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.kept.table.held(), self.kept.streams.held())
    }

    /// Gives up what began before `before`. False if the output is full before all is.
    pub fn sweep(&mut self, out: &mut Output, before: u64, end: End) -> bool {
        let mut index = 0;
        while let Some(((slot, _), next)) = self.kept.streams.next_before(index, before) {
            if !out.writer.has_room() {
                return false;
            }
            self.kept.give_up(out, Slot::from_number(slot), end);
            index = next;
        }
        true
    }

    /// Takes the datagram `udp` that came by `path`. False if it is neither QUIC nor DTLS.
    pub fn datagram(&mut self, out: &mut Output, ts: u64, udp: &Udp<'_>, path: Path) -> bool {
        let payload = without_channel(udp.payload);
        let Some(first) = payload.bytes.first() else {
            return false;
        };
        let arriving = Arriving { ts, path };
        let key = Key::directed(udp.source, udp.destination);
        let place = (key, self.kept.table.set_of(&key));
        self.kept.datagrams = self.kept.datagrams.saturating_add(1);
        if first & 0x80 != 0 {
            self.quic(out, &arriving, place, payload.bytes)
        } else if dtls::looks_like_record(payload.bytes) {
            self.kept.dtls(out, &arriving, place, payload);
            true
        } else {
            false
        }
    }

    /// Looks through the packets of a datagram. False if there is none.
    fn quic(
        &mut self,
        out: &mut Output,
        arriving: &Arriving,
        place: (Key, Set),
        datagram: &[u8],
    ) -> bool {
        let Self { kept, room } = self;
        let before = out.writer.sequence();
        let mut any = false;
        let mut initials: u8 = 0;
        let mut rest = datagram;
        while let Some((packet, behind)) = quic::packet(rest) {
            any = true;
            rest = behind;
            match packet {
                Packet::Initial(initial) => {
                    initials = initials.saturating_add(1);
                    if initials > INITIALS || is_enough(out, before) {
                        break;
                    }
                    if let Some((slot, content)) =
                        kept.open(out, arriving.ts, place, &initial, room)
                    {
                        let content = room.get(content).unwrap_or_default();
                        for (offset, bytes) in CryptoFrames::of(content) {
                            kept.crypto(out, arriving, slot, offset, bytes);
                        }
                    }
                }
                Packet::Other => {}
                Packet::UnknownVersion => count(&mut out.counters.quic_version_unknown),
            }
        }
        any
    }
}

impl<const N: usize, const MESSAGES: usize> Messages<N, MESSAGES> {
    /// Reads an Initial packet with the keys of the conversation, else with those that follow
    /// from the packet itself: the client has begun anew then, after a Retry or altogether.
    fn open(
        &mut self,
        out: &mut Output,
        ts: u64,
        (key, set): (Key, Set),
        initial: &Initial<'_>,
        room: &mut [u8],
    ) -> Option<(Slot, Range<usize>)> {
        let found = self.table.find(&key, set);
        let known = found
            .and_then(|slot| self.table.get(slot))
            .filter(|known| known.transport == Transport::Quic && known.keys.fit(initial))
            .map(|known| known.keys);
        if let (Some(slot), Some(keys)) = (found, known)
            && let Some(content) = keys.open(initial, room)
        {
            return Some((slot, content));
        }
        let keys = Keys::of(initial)?;
        let Some(content) = keys.open(initial, room) else {
            // What the server sends is protected with its own keys.
            let back = key.reversed();
            if self.table.find(&back, self.table.set_of(&back)).is_none() {
                count(&mut out.counters.quic_not_authentic);
            }
            return None;
        };
        let slot = self.claim(out, (key, set), found, ts);
        self.release(slot);
        let conversation = self.table.get_mut(slot)?;
        conversation.transport = Transport::Quic;
        conversation.keys = keys;
        conversation.base = 0;
        conversation.hellos = 0;
        Some((slot, content))
    }

    /// Takes `bytes` at `offset` of the CRYPTO stream.
    fn crypto(
        &mut self,
        out: &mut Output,
        arriving: &Arriving,
        slot: Slot,
        offset: u64,
        bytes: &[u8],
    ) {
        let Some(conversation) = self.table.get_mut(slot) else {
            return;
        };
        conversation.seen = conversation.seen.max(arriving.ts);
        if conversation.hellos >= HELLOS {
            return;
        }
        let base = conversation.base;
        let past = usize::try_from(base.saturating_sub(offset)).unwrap_or(usize::MAX);
        let offset = usize::try_from(offset.saturating_sub(base)).unwrap_or(usize::MAX);
        let part = Part {
            offset,
            bytes: bytes.get(past..).unwrap_or_default(),
            first: offset == 0,
            cut: false,
        };
        self.take(out, arriving, slot, &part);
    }

    /// Takes the fragments of ClientHellos in a datagram.
    fn dtls(
        &mut self,
        out: &mut Output,
        arriving: &Arriving,
        (key, set): (Key, Set),
        payload: Span<'_>,
    ) {
        let before = out.writer.sequence();
        for fragment in dtls::Fragments::of(payload.bytes, payload.missing() > 0) {
            if is_enough(out, before) {
                break;
            }
            let found = self.table.find(&key, set);
            let slot = self.claim(out, (key, set), found, arriving.ts);
            let spoken = self.table.get(slot).map(|known| known.transport);
            if spoken != Some(Transport::Dtls) {
                self.release(slot);
            }
            self.fragment(out, arriving, slot, &fragment);
        }
    }

    fn fragment(
        &mut self,
        out: &mut Output,
        arriving: &Arriving,
        slot: Slot,
        fragment: &dtls::Fragment<'_>,
    ) {
        let Some(conversation) = self.table.get_mut(slot) else {
            return;
        };
        conversation.transport = Transport::Dtls;
        conversation.seen = conversation.seen.max(arriving.ts);
        let name = (fragment.sequence, fragment.length);
        let current = (conversation.sequence, conversation.length);
        let mut holds = conversation.stream.is_some();
        if holds && name != current {
            if name.0 <= current.0 {
                return;
            }
            // The client has given the earlier message up.
            self.give_up(out, slot, End::Closed);
            holds = false;
        }
        if !holds {
            if let Some(conversation) = self.table.get_mut(slot) {
                (conversation.sequence, conversation.length) = name;
            }
            // The header that the message would have in TLS.
            let [_, high, middle, low] = fragment.length.to_be_bytes();
            if !self.begin(out, arriving, slot, &[CLIENT_HELLO, high, middle, low]) {
                return;
            }
        }
        let part = Part {
            offset: size(fragment.offset).saturating_add(4),
            bytes: fragment.bytes,
            first: fragment.offset == 0,
            cut: fragment.cut,
        };
        self.take(out, arriving, slot, &part);
    }
}

/// Whether a datagram that came after event number `before` caused as many as it may.
fn is_enough(out: &Output, before: u64) -> bool {
    out.writer.sequence().saturating_sub(before) >= EVENTS
}
