//! UDP headers (RFC 768), and TURN channels in front of what they carry.
use crate::packet::{Datagram, Endpoint, Span};

/// One UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Data.
    pub payload: Span<'a>,
}

/// Reads the UDP header of `datagram`; `None` if it is cut off or contradicts itself.
#[must_use]
#[inline]
pub fn decode<'a>(datagram: &Datagram<'a>) -> Option<Udp<'a>> {
    let [s0, s1, d0, d1, l0, l1, _, _] = datagram.payload.head::<8>()?;
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    // Offloading and jumbograms leave 0 as the length.
    let span = match length {
        0 => datagram.payload,
        _ => datagram.payload.limit(length),
    };
    Some(Udp {
        source: Endpoint {
            address: datagram.source,
            port: u16::from_be_bytes([*s0, *s1]),
        },
        destination: Endpoint {
            address: datagram.destination,
            port: u16::from_be_bytes([*d0, *d1]),
        },
        payload: span.skip(8)?,
    })
}

/// What a ChannelData message of TURN carries (RFC 8656, section 12.4), else `payload` itself.
#[must_use]
#[inline]
pub fn without_channel(payload: Span<'_>) -> Span<'_> {
    match payload.head::<4>() {
        Some([0x40..=0x4f, _, high, low]) => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            payload.skip(4).unwrap_or(payload).limit(length)
        }
        _ => payload,
    }
}
