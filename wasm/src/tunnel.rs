//! Tunnels: what an IP packet holds that holds a packet.
use crate::ip::protocol;
use crate::link::Layer;
use crate::packet::{Datagram, Span, Tunnel};

/// Headers and extension headers followed at most.
const EXTENSIONS: usize = 8;

/// The kind of a tunnel, and how the packet in it begins.
pub type Inside<'a> = Option<(Tunnel, Layer, Span<'a>)>;

/// The packet inside `datagram`, if it is a tunnel's.
#[must_use]
#[inline]
pub fn inside<'a>(datagram: &Datagram<'a>) -> Inside<'a> {
    let payload = datagram.payload;
    match datagram.protocol {
        protocol::TCP => None,
        protocol::UDP => udp(payload),
        protocol::IPV4 => Some((Tunnel::IpIp, Layer::Ip, payload)),
        protocol::IPV6 => Some((Tunnel::SixInFour, Layer::Ip, payload)),
        protocol::GRE => gre(payload),
        // Session 0 is control.
        protocol::L2TP => match payload.head::<4>()? {
            [0, 0, 0, 0] => None,
            _ => l2tp_v3(payload.skip(4)?),
        },
        _ => None,
    }
}

fn udp(payload: Span<'_>) -> Inside<'_> {
    let [source0, source1, port0, port1, ..] = payload.head::<8>()?;
    let source = u16::from_be_bytes([*source0, *source1]);
    let inside = payload.skip(8)?;
    match u16::from_be_bytes([*port0, *port1]) {
        // VXLAN, also on the port Linux had before the registration.
        4789 | 8472 => Some((Tunnel::Vxlan, Layer::Ethernet, inside.skip(8)?)),
        6081 => geneve(inside),
        2152 => gtp(inside),
        1701 => l2tp(inside),
        3544 => teredo(inside),
        _ if source == 3544 => teredo(inside),
        _ if source == 1701 => l2tp(inside),
        _ => None,
    }
}

/// GRE with its optional fields (RFC 2784, RFC 2890).
fn gre(span: Span<'_>) -> Inside<'_> {
    let [flags, version, type0, type1] = span.head::<4>()?;
    match version & 0x07 {
        0 => {}
        1 => return pptp(span, *flags, *version),
        _ => return None,
    }
    let options = [0x80, 0x20, 0x10]
        .iter()
        .filter(|bit| flags & **bit != 0)
        .count();
    let ether_type = u16::from_be_bytes([*type0, *type1]);
    let mut header = options.saturating_mul(4).saturating_add(4);
    // ERSPAN type I has no header of its own; it is told by the missing sequence number.
    let (kind, layer) = if ether_type == 0x88be && flags & 0x10 == 0 {
        (Tunnel::Erspan, Layer::Ethernet)
    } else {
        (Tunnel::Gre, Layer::EtherType(ether_type))
    };
    if flags & 0x40 != 0 {
        header = header.saturating_add(4);
    }
    Some((kind, layer, span.skip(header)?))
}

/// Geneve (RFC 8926, section 3.4).
fn geneve(span: Span<'_>) -> Inside<'_> {
    let [first, _, type0, type1, ..] = span.head::<8>()?;
    let options = usize::from(first & 0x3f).saturating_mul(4);
    Some((
        Tunnel::Geneve,
        Layer::EtherType(u16::from_be_bytes([*type0, *type1])),
        span.skip(options.saturating_add(8))?,
    ))
}

/// GTP-U, version 1, a G-PDU with its extension headers (3GPP TS 29.281, section 5).
fn gtp(span: Span<'_>) -> Inside<'_> {
    let [flags, 0xff, ..] = span.head::<8>()? else {
        return None;
    };
    if flags & 0xf0 != 0x30 {
        return None;
    }
    if flags & 0x07 == 0 {
        return Some((Tunnel::Gtp, Layer::Ip, span.skip(8)?));
    }
    let [.., mut next] = *span.head::<12>()?;
    let mut inside = span.skip(12)?;
    for _ in 0..EXTENSIONS {
        if next == 0 {
            return Some((Tunnel::Gtp, Layer::Ip, inside));
        }
        let size = usize::from(*inside.bytes.first()?).saturating_mul(4);
        let last = size.checked_sub(1)?;
        next = *inside.bytes.get(last)?;
        inside = inside.skip(size)?;
    }
    None
}

/// GRE as PPTP has it: a key always, and acknowledgments (RFC 2637, section 4.1).
fn pptp(span: Span<'_>, flags: u8, version: u8) -> Inside<'_> {
    let [_, _, 0x88, 0x0b] = span.head::<4>()? else {
        return None;
    };
    let sequence = if flags & 0x10 == 0 { 0 } else { 4 };
    let acknowledgment = if version & 0x80 == 0 { 0 } else { 4 };
    let header = 8_usize
        .saturating_add(sequence)
        .saturating_add(acknowledgment);
    Some((Tunnel::Pptp, Layer::Ppp, span.skip(header)?))
}

/// Teredo: IPv6 behind an authentication and an origin indication (RFC 4380, section 5.1.1).
fn teredo(span: Span<'_>) -> Inside<'_> {
    let mut inside = span;
    if let [0, 1, identifier, value] = *inside.head::<4>()? {
        let length = usize::from(identifier).saturating_add(usize::from(value));
        inside = inside.skip(length.saturating_add(13))?;
    }
    if let [0, 0] = inside.head::<2>()? {
        inside = inside.skip(8)?;
    }
    let is_ipv6 = inside.bytes.first()? >> 4 == 6;
    is_ipv6.then_some((Tunnel::Teredo, Layer::Ip, inside))
}

/// L2TP over UDP, of version 2 with optional fields (RFC 2661, section 3.1) or 3 (RFC 3931,
/// section 4.1.2.1); data and no control messages.
fn l2tp(span: Span<'_>) -> Inside<'_> {
    let [flags, version] = span.head::<2>()?;
    if flags & 0x80 != 0 {
        return None;
    }
    if version & 0x0f == 3 {
        return l2tp_v3(span.skip(8)?);
    }
    if version & 0x0f != 2 {
        return None;
    }
    let length = if flags & 0x40 == 0 { 0 } else { 2 };
    let numbers = if flags & 0x08 == 0 { 0 } else { 4 };
    let mut inside = span.skip(6_usize.saturating_add(length).saturating_add(numbers))?;
    if flags & 0x02 != 0 {
        let [high, low] = *inside.head::<2>()?;
        let offset = usize::from(u16::from_be_bytes([high, low]));
        inside = inside.skip(offset.saturating_add(2))?;
    }
    Some((Tunnel::L2tp, Layer::Ppp, inside))
}

/// What follows the session of version 3: a cookie and a sublayer of lengths that only the ends
/// know, then Ethernet, which is told by an IP packet in it.
fn l2tp_v3(span: Span<'_>) -> Inside<'_> {
    [0, 4, 8, 12].into_iter().find_map(|skipped| {
        let inside = span.skip(skipped)?;
        let [.., type0, type1, first] = inside.head::<15>()?;
        let is_ethernet = match u16::from_be_bytes([*type0, *type1]) {
            0x0800 => first >> 4 == 4,
            0x86dd => first >> 4 == 6,
            0x8100 => true,
            _ => false,
        };
        is_ethernet.then_some((Tunnel::L2tp, Layer::Ethernet, inside))
    })
}
