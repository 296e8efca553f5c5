//! TCP headers (RFC 9293) and the facts of a SYN.
use crate::packet::{Datagram, Endpoint, Span};
use crate::reader::Reader;

/// Flag bits of the TCP header.
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// The acknowledgment field is valid.
    pub const ACK: u8 = 0x10;
}

/// One TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Number of the first byte; of the SYN itself if there is one.
    pub sequence: u32,
    /// Next byte the sender expects.
    pub acknowledgment: u32,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Window field, not scaled.
    pub window: u16,
    /// Option bytes.
    pub options: &'a [u8],
    /// Data.
    pub payload: Span<'a>,
}

impl Segment<'_> {
    /// Whether any of `flags` is set.
    #[must_use]
    #[inline]
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }
}

/// Reads the TCP header of `datagram`; `None` if it is cut off or contradicts itself. Checksums
/// are not looked at: network cards fill them in after the capture.
#[must_use]
#[inline]
pub fn decode<'a>(datagram: &Datagram<'a>) -> Option<Segment<'a>> {
    let [
        s0,
        s1,
        d0,
        d1,
        q0,
        q1,
        q2,
        q3,
        a0,
        a1,
        a2,
        a3,
        offset,
        flags,
        w0,
        w1,
        ..,
    ] = datagram.payload.head::<20>()?;
    let header = usize::from(offset >> 4).saturating_mul(4);
    let options = datagram.payload.bytes.get(20..header)?;
    Some(Segment {
        source: Endpoint {
            address: datagram.source,
            port: u16::from_be_bytes([*s0, *s1]),
        },
        destination: Endpoint {
            address: datagram.destination,
            port: u16::from_be_bytes([*d0, *d1]),
        },
        sequence: u32::from_be_bytes([*q0, *q1, *q2, *q3]),
        acknowledgment: u32::from_be_bytes([*a0, *a1, *a2, *a3]),
        flags: *flags,
        window: u16::from_be_bytes([*w0, *w1]),
        options,
        payload: datagram.payload.skip(header)?,
    })
}

/// Most options that fit a header: forty bytes, each a NOP.
const OPTIONS: usize = 40;

/// What a SYN says about its sender.
#[derive(Clone, Copy, Debug)]
pub struct SynFacts {
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// IPv4 identification.
    pub identification: Option<u16>,
    /// Window field.
    pub window: u16,
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack: bool,
    /// Timestamps.
    pub timestamps: bool,
    option_kinds: [u8; OPTIONS],
    option_count: u8,
}

impl SynFacts {
    /// All zeros; stands in tables until a SYN is seen.
    pub const EMPTY: Self = Self {
        ttl: 0,
        dont_fragment: false,
        identification: None,
        window: 0,
        mss: None,
        window_scale: None,
        sack: false,
        timestamps: false,
        option_kinds: [0; OPTIONS],
        option_count: 0,
    };

    /// Reads them from the SYN `segment` inside `datagram`.
    #[must_use]
    pub fn read(datagram: &Datagram<'_>, segment: &Segment<'_>) -> Self {
        let mut facts = Self {
            ttl: datagram.facts.ttl,
            dont_fragment: datagram.facts.dont_fragment,
            identification: datagram.facts.identification,
            window: segment.window,
            ..Self::EMPTY
        };
        let mut reader = Reader::new(segment.options);
        while let Ok(kind) = reader.u8() {
            if let Some(place) = facts.option_kinds.get_mut(usize::from(facts.option_count)) {
                *place = kind;
                facts.option_count = facts.option_count.saturating_add(1);
            }
            // End of list; no operation; everything else has a length that counts itself.
            let value = match kind {
                0 => break,
                1 => continue,
                _ => reader.u8().ok().and_then(|size| size.checked_sub(2)),
            };
            let Some(Ok(value)) = value.map(|size| reader.take(usize::from(size))) else {
                break;
            };
            match (kind, value) {
                (2, [high, low]) => facts.mss = Some(u16::from_be_bytes([*high, *low])),
                (3, [shift]) => facts.window_scale = Some(*shift),
                (4, _) => facts.sack = true,
                (8, _) => facts.timestamps = true,
                _ => {}
            }
        }
        facts
    }

    /// Option kinds in the order of the header.
    #[must_use]
    pub fn option_kinds(&self) -> &[u8] {
        self.option_kinds
            .get(..usize::from(self.option_count))
            .unwrap_or_default()
    }
}
