//! pcapng: sections in either byte order, each with any number of interfaces, which have a link
//! type and a clock of their own. Layout: draft-ietf-opsawg-pcapng.
use crate::file::{BLOCK_BYTES, Captured, Clock, Fault, Fields, Step, TS_MAX};
use crate::limits::INTERFACES;
use crate::number::size;
use crate::packet::Span;

/// Type of the block that a file begins with, the same in either byte order.
pub const MAGIC: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Options of an interface: resolution of its clock, and seconds to be added.
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u32,
    /// Most bytes kept of a packet; 0 for no limit.
    snap_length: usize,
    clock: Clock,
    offset_us: i64,
}

impl Interface {
    const EMPTY: Self = Self {
        link_type: 0,
        snap_length: 0,
        clock: Clock::ZERO,
        offset_us: 0,
    };

    #[inline]
    fn time(&self, high: u32, low: u32) -> u64 {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let micros = self.clock.micros(ticks);
        micros.saturating_add_signed(self.offset_us).min(TS_MAX)
    }
}

/// What the blocks of a section have said so far.
#[derive(Debug)]
pub struct Section {
    big: bool,
    /// Bytes of a long block without a packet that are still to come.
    skip: usize,
    /// Time of the packet before, for those that have none.
    ts: u64,
    count: usize,
    interfaces: [Interface; INTERFACES],
}

impl Section {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        big: false,
        skip: 0,
        ts: 0,
        count: 0,
        interfaces: [Interface::EMPTY; INTERFACES],
    };

    /// Begins another file.
    pub fn reset(&mut self) {
        self.big = false;
        self.skip = 0;
        self.ts = 0;
        self.count = 0;
    }

    /// Reads the block at the front of `bytes`.
    ///
    /// # Errors
    /// Why neither it nor what follows can be read.
    #[inline]
    pub fn block<'a>(&mut self, bytes: &'a [u8]) -> Result<Step<'a>, Fault> {
        if self.skip > 0 {
            let count = self.skip.min(bytes.len());
            self.skip = self.skip.saturating_sub(count);
            return Ok(if count == 0 {
                Step::More
            } else {
                Step::Other(count)
            });
        }
        let Some(head) = bytes.first_chunk::<12>() else {
            return Ok(Step::More);
        };
        let (kind, length) = self.head(head)?;
        if length > BLOCK_BYTES {
            return match kind {
                MAGIC | INTERFACE => Err(Fault::Length),
                OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET => Err(Fault::TooLong),
                // A journal, secrets, what others put there.
                _ => {
                    self.skip = length.saturating_sub(head.len());
                    Ok(Step::Other(head.len()))
                }
            };
        }
        let Some(block) = bytes.get(..length) else {
            return Ok(Step::More);
        };
        let (rest, end) = block.split_last_chunk::<4>().ok_or(Fault::Length)?;
        if size(Fields::new(end, self.big).u32()?) != length {
            return Err(Fault::Length);
        }
        let body = rest.get(8..).ok_or(Fault::Length)?;
        let mut fields = Fields::new(body, self.big);
        let found = match kind {
            ENHANCED_PACKET => {
                let interface = size(fields.u32()?);
                self.packet(fields, interface)?
            }
            OBSOLETE_PACKET => {
                let (interface, _drops) = (fields.u16()?, fields.u16()?);
                self.packet(fields, usize::from(interface))?
            }
            SIMPLE_PACKET => self.simple(fields)?,
            INTERFACE => {
                self.describe(fields)?;
                return Ok(Step::Other(length));
            }
            MAGIC => {
                let (_order, major) = (fields.u32()?, fields.u16()?);
                if major != 1 {
                    return Err(Fault::Version);
                }
                self.count = 0;
                return Ok(Step::Other(length));
            }
            _ => return Ok(Step::Other(length)),
        };
        Ok(Step::Packet(found, length))
    }

    /// Type and length of a block; that of a section sets the byte order.
    #[inline]
    fn head(&mut self, head: &[u8; 12]) -> Result<(u32, usize), Fault> {
        let [kind @ .., _, _, _, _, _, _, _, _] = head;
        let [_, _, _, _, _, _, _, _, order @ ..] = head;
        if u32::from_be_bytes(*kind) == MAGIC {
            self.big = u32::from_be_bytes(*order) == BYTE_ORDER;
            if !self.big && u32::from_le_bytes(*order) != BYTE_ORDER {
                return Err(Fault::NotACapture);
            }
        }
        let mut fields = Fields::new(head, self.big);
        let (kind, length) = (fields.u32()?, size(fields.u32()?));
        if length < head.len() || length & 3 != 0 {
            return Err(Fault::Length);
        }
        Ok((kind, length))
    }

    fn interface(&self, number: usize) -> Result<&Interface, Fault> {
        let described = self.interfaces.get(..self.count);
        described
            .and_then(|interfaces| interfaces.get(number))
            .ok_or(Fault::Interface)
    }

    /// Takes note of an interface.
    fn describe(&mut self, mut fields: Fields<'_>) -> Result<(), Fault> {
        let place = self
            .interfaces
            .get_mut(self.count)
            .ok_or(Fault::Interfaces)?;
        let (number, _reserved) = (fields.u16()?, fields.u16()?);
        let mut found = Interface {
            link_type: u32::from(number),
            snap_length: size(fields.u32()?),
            clock: Clock::Times(1),
            offset_us: 0,
        };
        while let (Ok(code), Ok(length)) = (fields.u16(), fields.u16()) {
            let length = usize::from(length);
            let Ok(value) = fields.reader.take(length) else {
                break;
            };
            match (code, value) {
                (IF_TSRESOL, [resolution]) => found.clock = Clock::of(*resolution),
                (IF_TSOFFSET, value) => {
                    if let Ok(seconds) = Fields::new(value, self.big).i64() {
                        found.offset_us = seconds.saturating_mul(1_000_000);
                    }
                }
                (0, _) => break,
                _ => {}
            }
            let padding = length.wrapping_neg() & 3;
            if fields.reader.take(padding).is_err() {
                break;
            }
        }
        *place = found;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The rest of an enhanced or obsolete packet block.
    #[inline]
    fn packet<'a>(&mut self, mut fields: Fields<'a>, number: usize) -> Result<Captured<'a>, Fault> {
        let (high, low) = (fields.u32()?, fields.u32()?);
        let (captured, wire) = (size(fields.u32()?), size(fields.u32()?));
        let bytes = fields.reader.take(captured)?;
        let interface = self.interface(number)?;
        let (ts, link_type) = (interface.time(high, low), interface.link_type);
        self.ts = ts;
        let wire = wire.max(captured);
        Ok(Captured {
            ts,
            link_type,
            frame: Span { bytes, wire },
        })
    }

    /// A simple packet block: of the first interface, without a time.
    fn simple<'a>(&self, mut fields: Fields<'a>) -> Result<Captured<'a>, Fault> {
        let interface = self.interface(0)?;
        let wire = size(fields.u32()?);
        let kept = match interface.snap_length {
            0 => wire,
            most => wire.min(most),
        };
        let bytes = fields.reader.take(kept)?;
        Ok(Captured {
            ts: self.ts,
            link_type: interface.link_type,
            frame: Span { bytes, wire },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::tests::{put, read};

    fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().wrapping_neg() & 3];
        let length = u32::try_from(body.len().next_multiple_of(4)).unwrap();
        let length = put(big, length.saturating_add(12));
        [&put(big, kind)[..], &length, body, &padding, &length].concat()
    }

    fn section(big: bool) -> Vec<u8> {
        let version = if big { [0, 1, 0, 0] } else { [1, 0, 0, 0] };
        let body = [&put(big, BYTE_ORDER)[..], &version, &[0xff; 8]].concat();
        block(big, MAGIC, &body)
    }

    /// Two numbers of two bytes, the second of them small.
    fn pair(big: bool, first: u8, second: u8) -> [u8; 4] {
        if big {
            [0, first, 0, second]
        } else {
            [first, 0, second, 0]
        }
    }

    fn interface(big: bool, link_type: u8, options: &[u8]) -> Vec<u8> {
        let fields = [pair(big, link_type, 0), put(big, 2)].concat();
        block(big, INTERFACE, &[&fields[..], options].concat())
    }

    fn enhanced(big: bool, number: u32, (high, low): (u32, u32), bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap();
        let fields =
            [number, high, low, length, length.saturating_add(1)].map(|value| put(big, value));
        let body = [&fields.concat()[..], bytes].concat();
        block(big, ENHANCED_PACKET, &body)
    }

    #[test]
    fn interfaces_have_link_types_and_clocks_of_their_own() {
        for big in [false, true] {
            let end = pair(big, 0, 0);
            let nanos = [pair(big, 9, 1), [9, 0, 0, 0], end].concat();
            let hour = if big {
                3600_u64.to_be_bytes()
            } else {
                3600_u64.to_le_bytes()
            };
            let name = [&pair(big, 2, 3)[..], b"abc\0"].concat();
            let binary = [pair(big, 9, 1), [0x8a, 0, 0, 0], pair(big, 14, 8)].concat();
            let shifted = [&name[..], &binary, &hour].concat();
            let simple = [&put(big, 3)[..], &[6, 7]].concat();
            let obsolete = [0, 4000, 1, 7].map(|value| put(big, value)).concat();
            let obsolete = [&pair(big, 1, 9)[..], &obsolete, &[1]].concat();
            let file = [
                section(big),
                interface(big, 1, &[]),
                interface(big, 101, &nanos),
                interface(big, 113, &shifted),
                block(big, 5, &[1, 2, 3]),
                enhanced(big, 0, (1, 7), &[1, 2, 3]),
                enhanced(big, 1, (1, 0), &[4]),
                enhanced(big, 2, (0, 1024 + 512), &[]),
                block(big, SIMPLE_PACKET, &simple),
                block(big, OBSOLETE_PACKET, &obsolete),
                section(!big),
                interface(!big, 12, &[]),
                enhanced(!big, 0, (0, 5), &[9]),
                enhanced(!big, 0, (u32::MAX, 0), &[]),
            ];
            let wanted = vec![
                ((1 << 32) + 7, 1, vec![1, 2, 3], 4),
                ((1 << 32) / 1000, 101, vec![4], 2),
                (3_601_500_000, 113, vec![], 1),
                (3_601_500_000, 1, vec![6, 7], 3),
                (4, 101, vec![1], 7),
                (5, 12, vec![9], 2),
                (TS_MAX, 12, vec![], 1),
            ];
            for step in [1, 5, 4096] {
                let found = read(&[&file.concat()], step);
                assert_eq!(found, (wanted.clone(), None), "{big}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_has_a_name() {
        let start = [section(false), interface(false, 1, &[])].concat();
        let packet = enhanced(false, 0, (0, 0), &[1]);
        let changed = |at: usize, value: u8| {
            let mut bytes = packet.clone();
            bytes[at] = value;
            bytes
        };
        let mut version = section(false);
        version[12] = 2;
        let order = [&MAGIC.to_be_bytes()[..], &[28, 0, 0, 0, 1, 2, 3, 4]].concat();
        let cases: [(&[&[u8]], Fault); 9] = [
            (&[&order], Fault::NotACapture),
            (&[&version], Fault::Version),
            (&[&start, &changed(4, 37)], Fault::Length),
            (&[&start, &changed(4, 8)], Fault::Length),
            (&[&start, &changed(35, 1)], Fault::Length),
            (&[&start, &changed(20, 9)], Fault::Length),
            (&[&start, &changed(7, 0x40)], Fault::TooLong),
            (&[&start, &changed(8, 1)], Fault::Interface),
            (&[&section(false), &packet], Fault::Interface),
        ];
        for (index, (pieces, fault)) in cases.iter().enumerate() {
            assert_eq!(read(pieces, 3), (vec![], Some(*fault)), "case {index}");
        }
        let many = vec![interface(false, 1, &[]); INTERFACES + 1].concat();
        let found = read(&[&section(false), &many], 4096);
        assert_eq!(found.1, Some(Fault::Interfaces));
    }

    #[test]
    fn a_long_block_of_another_kind_is_passed_over_without_being_held() {
        let file = [
            section(false),
            interface(false, 1, &[]),
            block(false, 10, &vec![7; BLOCK_BYTES]),
            enhanced(false, 0, (0, 3), &[8]),
        ];
        let wanted = (vec![(3, 1, vec![8], 2)], None);
        assert_eq!(read(&[&file.concat()], 65_536), wanted);
    }
}
