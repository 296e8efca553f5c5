//! Capture files, read piece by piece: pcap in all its variants, and [`crate::pcapng`].
//!
//! The bytes of a file are as hostile as those of the network, so they are read here and not by
//! a library outside the sandbox. Layout of pcap: draft-ietf-opsawg-pcap.
use crate::limits::BATCH_BYTES;
use crate::number::size;
use crate::packet::Span;
use crate::pcapng::{self, Section};
use crate::reader::{Reader, Short};

/// Latest time that an event can carry: JSON numbers are exact below 2^53 (the year 2255).
pub const TS_MAX: u64 = (1 << 53) - 1;
const MICROS: u64 = 1_000_000;
/// Longest record or block that holds a packet; a longer one could not be whole in the batch.
pub const BLOCK_BYTES: usize = BATCH_BYTES / 2;

/// Why the rest of a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not begin as a capture does.
    NotACapture,
    /// A version of the format that nobody has described.
    Version,
    /// Lengths that contradict each other.
    Length,
    /// A packet of an interface that was not described.
    Interface,
    /// More interfaces than [`crate::limits::INTERFACES`].
    Interfaces,
    /// A packet longer than any network carries.
    TooLong,
}

impl Fault {
    /// As the host reads it; 0 is none.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::NotACapture => 1,
            Self::Version => 2,
            Self::Length => 3,
            Self::Interface => 4,
            Self::Interfaces => 5,
            Self::TooLong => 6,
        }
    }
}

impl From<Short> for Fault {
    fn from(_: Short) -> Self {
        Self::Length
    }
}

/// A packet of a file.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// Microseconds since the epoch.
    pub ts: u64,
    /// LINKTYPE_* number.
    pub link_type: u32,
    /// Its bytes.
    pub frame: Span<'a>,
}

/// What the bytes at hand hold.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A packet, in so many bytes of the file.
    Packet(Captured<'a>, usize),
    /// So many bytes without one.
    Other(usize),
    /// Nothing whole; more bytes are needed.
    More,
}

/// How the ticks of a clock become microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Ticks of so many microseconds.
    Times(u64),
    /// So many ticks a microsecond.
    Over(u64),
    /// Ticks of 2^-n seconds.
    Binary(u8),
}

impl Clock {
    /// Stands in tables until a clock is known.
    pub const ZERO: Self = Self::Times(0);

    /// From if_tsresol of pcapng: a negative power of ten, or of two if the highest bit is set.
    #[must_use]
    pub fn of(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Self::Binary(resolution & 0x7f)
        } else if let Some(times) = 6_u32.checked_sub(power) {
            Self::Times(10_u64.saturating_pow(times))
        } else {
            // A division by what no integer holds leaves nothing.
            Self::Over(10_u64.checked_pow(power.saturating_sub(6)).unwrap_or(0))
        }
    }

    /// Microseconds, rounded down.
    #[must_use]
    #[inline]
    pub fn micros(self, ticks: u64) -> u64 {
        match self {
            Self::Times(factor) => ticks.saturating_mul(factor),
            Self::Over(divisor) => ticks.checked_div(divisor).unwrap_or(0),
            Self::Binary(power) => {
                let micros = u128::from(ticks).saturating_mul(u128::from(MICROS));
                let micros = micros.checked_shr(u32::from(power)).unwrap_or(0);
                u64::try_from(micros).unwrap_or(u64::MAX)
            }
        }
    }
}

/// Integers in the byte order of the file.
#[derive(Debug)]
pub struct Fields<'a> {
    /// What has not been read yet.
    pub reader: Reader<'a>,
    big: bool,
}

impl<'a> Fields<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], big: bool) -> Self {
        let reader = Reader::new(bytes);
        Self { reader, big }
    }

    /// The next two bytes.
    ///
    /// # Errors
    /// `Short` when fewer are left.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, Short> {
        let value = self.reader.u16()?;
        Ok(if self.big { value } else { value.swap_bytes() })
    }

    /// The next four bytes.
    ///
    /// # Errors
    /// `Short` when fewer are left.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, Short> {
        let value = self.reader.u32()?;
        Ok(if self.big { value } else { value.swap_bytes() })
    }

    /// The next eight bytes.
    ///
    /// # Errors
    /// `Short` when fewer are left.
    pub fn i64(&mut self) -> Result<i64, Short> {
        let value = i64::from_be_bytes(*self.reader.array()?);
        Ok(if self.big { value } else { value.swap_bytes() })
    }
}

/// Order of the two lengths of a record: programs of the last century disagreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    WireFirst,
    /// The captured length is the smaller one.
    Either,
}

/// What the header of a pcap file says.
#[derive(Clone, Copy, Debug)]
struct Pcap {
    big: bool,
    clock: Clock,
    /// Bytes between a record's header and its packet.
    extra: usize,
    lengths: Lengths,
    link_type: u32,
}

impl Pcap {
    const EMPTY: Self = Self {
        big: false,
        clock: Clock::ZERO,
        extra: 0,
        lengths: Lengths::CapturedFirst,
        link_type: 0,
    };
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Unknown,
    Pcap,
    Pcapng,
}

/// Where a file is read; it keeps what its headers said, and no bytes.
#[derive(Debug)]
pub struct FileReader {
    format: Format,
    pcap: Pcap,
    section: Section,
}

impl FileReader {
    /// At the begin of a file; all zeros.
    pub const EMPTY: Self = Self {
        format: Format::Unknown,
        pcap: Pcap::EMPTY,
        section: Section::EMPTY,
    };

    /// Begins another file.
    pub fn reset(&mut self) {
        self.format = Format::Unknown;
        self.section.reset();
    }

    /// Reads the next thing in `bytes`, the file from where the last step ended.
    ///
    /// # Errors
    /// Why neither it nor what follows can be read.
    #[inline]
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Step<'a>, Fault> {
        match self.format {
            Format::Pcap => record(&self.pcap, bytes),
            Format::Pcapng => self.section.block(bytes),
            Format::Unknown => self.begin(bytes),
        }
    }

    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<Step<'a>, Fault> {
        let Some(magic) = bytes.first_chunk::<4>() else {
            return Ok(Step::More);
        };
        let magic = u32::from_be_bytes(*magic);
        if magic == pcapng::MAGIC {
            self.format = Format::Pcapng;
            return self.section.block(bytes);
        }
        let (big, magic) = match magic {
            0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 | 0xa1b2_34cd | 0xa12b_3c4d => (true, magic),
            _ => (false, magic.swap_bytes()),
        };
        let (clock, extra) = match magic {
            // As written first; two variants that differ in nothing that matters here.
            0xa1b2_c3d4 | 0xa1b2_34cd | 0xa12b_3c4d => (Clock::Times(1), 0),
            0xa1b2_3c4d => (Clock::Over(1_000), 0),
            // Kuznetsov's: interface, protocol and packet type in each record.
            0xa1b2_cd34 => (Clock::Times(1), 8),
            _ => return Err(Fault::NotACapture),
        };
        let Some(header) = bytes.get(4..24) else {
            return Ok(Step::More);
        };
        let mut fields = Fields::new(header, big);
        let (major, minor) = (fields.u16()?, fields.u16()?);
        let (_zone, _accuracy, _snap_length) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let lengths = match (major, minor) {
            (2, 0..=2) => Lengths::WireFirst,
            (2, 3) => Lengths::Either,
            (2, _) => Lengths::CapturedFirst,
            _ => return Err(Fault::Version),
        };
        // The upper bits say whether packets end in a checksum.
        let link_type = fields.u32()? & 0x03ff_ffff;
        self.format = Format::Pcap;
        self.pcap = Pcap {
            big,
            clock,
            extra,
            lengths,
            link_type,
        };
        Ok(Step::Other(24))
    }
}

/// A record of pcap.
#[inline]
fn record<'a>(pcap: &Pcap, bytes: &'a [u8]) -> Result<Step<'a>, Fault> {
    let Some(header) = bytes.first_chunk::<16>() else {
        return Ok(Step::More);
    };
    let mut fields = Fields::new(header, pcap.big);
    let (seconds, fraction) = (fields.u32()?, fields.u32()?);
    let (first, second) = (size(fields.u32()?), size(fields.u32()?));
    let (captured, wire) = match pcap.lengths {
        Lengths::CapturedFirst => (first, second),
        Lengths::WireFirst => (second, first),
        Lengths::Either => (first.min(second), first.max(second)),
    };
    if captured > BLOCK_BYTES {
        return Err(Fault::TooLong);
    }
    let begin = pcap.extra.saturating_add(16);
    let end = begin.saturating_add(captured);
    let Some(bytes) = bytes.get(begin..end) else {
        return Ok(Step::More);
    };
    let micros = pcap.clock.micros(u64::from(fraction));
    let found = Captured {
        ts: u64::from(seconds)
            .saturating_mul(MICROS)
            .saturating_add(micros),
        link_type: pcap.link_type,
        frame: Span {
            bytes,
            wire: wire.max(captured),
        },
    };
    Ok(Step::Packet(found, end))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Time, link type, bytes and length of a packet.
    pub(crate) type Found = (u64, u32, Vec<u8>, usize);

    /// What a file of `pieces` holds, fed in steps of `step` bytes.
    pub(crate) fn read(pieces: &[&[u8]], step: usize) -> (Vec<Found>, Option<Fault>) {
        let bytes = pieces.concat();
        let mut reader = Box::new(FileReader::EMPTY);
        let (mut at, mut end, mut found) = (0, 0, Vec::new());
        loop {
            match reader.next(&bytes[at..end]) {
                Ok(Step::Packet(packet, used)) => {
                    let frame = packet.frame;
                    found.push((packet.ts, packet.link_type, frame.bytes.into(), frame.wire));
                    at = at.saturating_add(used);
                }
                Ok(Step::Other(used)) => at = at.saturating_add(used),
                Ok(Step::More) if end == bytes.len() => return (found, None),
                Ok(Step::More) => end = end.saturating_add(step).min(bytes.len()),
                Err(fault) => return (found, Some(fault)),
            }
        }
    }

    /// Four bytes in one order or the other.
    pub(crate) fn put(big: bool, value: u32) -> [u8; 4] {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn pcap(magic: u32, big: bool, minor: u16, record: &[u8]) -> Vec<u8> {
        let version = if big {
            [[0, 2], minor.to_be_bytes()].concat()
        } else {
            [[2, 0], minor.to_le_bytes()].concat()
        };
        let rest = [0, 0, 65_535, 0x1400_0001].map(|value| put(big, value));
        [&put(big, magic)[..], &version, &rest.concat(), record].concat()
    }

    #[test]
    fn every_magic_in_either_byte_order() {
        let magics = [
            (0xa1b2_c3d4, 1, 0),
            (0xa1b2_34cd, 1, 0),
            (0xa12b_3c4d, 1, 0),
            (0xa1b2_3c4d, 1000, 0),
            (0xa1b2_cd34, 1, 8),
        ];
        for (magic, factor, extra) in magics {
            for big in [false, true] {
                let header = [3, 7 * factor, 2, 9].map(|value| put(big, value));
                let record = [&header.concat()[..], &vec![0xff; extra], &[0xaa, 0xbb]].concat();
                let file = pcap(magic, big, 4, &[record.clone(), record].concat());
                let packet = (3_000_007, 1, vec![0xaa, 0xbb], 9);
                for step in [1, 7, 4096] {
                    let wanted = (vec![packet.clone(), packet.clone()], None);
                    assert_eq!(read(&[&file], step), wanted, "{magic:x} {big}");
                }
            }
        }
    }

    #[test]
    fn old_versions_have_their_lengths_the_other_way_round() {
        for (minor, first, second) in [(2, 9, 1), (3, 9, 1), (3, 1, 9), (4, 1, 9)] {
            let header = [0, 0, first, second].map(|value| put(false, value));
            let record = [&header.concat()[..], &[5]].concat();
            let wanted = (vec![(0, 1, vec![5], 9)], None);
            let file = pcap(0xa1b2_c3d4, false, minor, &record);
            assert_eq!(read(&[&file], 64), wanted, "2.{minor}");
        }
    }

    #[test]
    fn clocks_of_any_resolution() {
        let cases = [
            (0, 3, 3_000_000),
            (3, 3, 3_000),
            (6, 3, 3),
            (12, 3_000_000, 3),
            (127, u64::MAX, 0),
            (0x80, 3, 3_000_000),
            (0x8a, 1536, 1_500_000),
            (0xff, u64::MAX, 0),
            (0, u64::MAX, u64::MAX),
        ];
        for (resolution, ticks, wanted) in cases {
            assert_eq!(Clock::of(resolution).micros(ticks), wanted, "{resolution}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_a_name() {
        let mut version = pcap(0xa1b2_c3d4, false, 4, &[]);
        version[4] = 3;
        let huge = [[0; 8], [0, 0, 0, 9, 0, 0, 0, 9]].concat();
        let huge = pcap(0xa1b2_c3d4, false, 4, &huge);
        for (file, fault) in [
            (&b"no capture"[..], Fault::NotACapture),
            (&version, Fault::Version),
            (&huge, Fault::TooLong),
        ] {
            assert_eq!(read(&[file], 3), (vec![], Some(fault)));
        }
    }
}
