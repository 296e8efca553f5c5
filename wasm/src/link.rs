//! Link layers: from the first byte of a frame to the innermost IP packet, through tags, labels
//! and tunnels.
use crate::ip;
use crate::packet::{Datagram, Path, Span, Tunnel};
use crate::reader::Reader;
use crate::tunnel;

/// What comes next in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// An Ethernet header.
    Ethernet,
    /// What an EtherType names.
    EtherType(u16),
    /// A PPP protocol field.
    Ppp,
    /// IPv4 or IPv6, as the version field says.
    Ip,
}

/// Layers removed at most; a packet that nests deeper is not for us.
const LAYERS: usize = 16;

/// Why a packet yields nothing to look at; counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The link type is not supported.
    LinkType,
    /// Not IP, or a header that is cut off or contradicts itself.
    NotIp,
}

/// Where the packets of a capture of `link_type` (LINKTYPE_* or DLT_*) begin, and how many
/// bytes come before.
#[inline]
fn start(link_type: u32, frame: Span<'_>) -> Result<(Layer, usize), Skip> {
    let word = |at: usize| {
        frame
            .bytes
            .get(at..)
            .and_then(|bytes| bytes.first_chunk().copied())
            .map(u16::from_be_bytes)
            .ok_or(Skip::NotIp)
    };
    match link_type {
        // Ethernet.
        1 => Ok((Layer::Ethernet, 0)),
        // BSD loopback: a protocol family in the byte order of the capturing host. LOOP is the
        // same in network order. Their values differ by system, the IP version does not.
        0 | 108 => Ok((Layer::Ip, 4)),
        // PPP; PPP over Ethernet, session stage.
        9 | 50 => Ok((Layer::Ppp, 0)),
        51 => Ok((Layer::Ppp, 6)),
        // Raw IP under its various numbers; IPv4; IPv6.
        12 | 14 | 101 | 228 | 229 => Ok((Layer::Ip, 0)),
        // Cisco HDLC.
        104 => Ok((Layer::EtherType(word(2)?), 4)),
        // Linux cooked capture, versions 1 and 2.
        113 => Ok((Layer::EtherType(word(14)?), 16)),
        276 => Ok((Layer::EtherType(word(0)?), 20)),
        _ => Err(Skip::LinkType),
    }
}

/// Finds the innermost IP packet in `frame`, or the fragment of one on the way to it.
///
/// # Errors
/// Why there is none.
#[inline]
pub fn decode(link_type: u32, frame: Span<'_>) -> Result<Datagram<'_>, Skip> {
    let (layer, offset) = start(link_type, frame)?;
    let span = frame.skip(offset).ok_or(Skip::NotIp)?;
    innermost(layer, span, Path::EMPTY)
}

/// Goes on with an IP packet that was put together of fragments.
///
/// # Errors
/// Why there is nothing in it.
pub fn resume(datagram: Datagram<'_>) -> Result<Datagram<'_>, Skip> {
    let mut datagram = datagram;
    if datagram.facts.identification.is_none() {
        datagram = ip::extensions(datagram)?;
    }
    match tunnel::inside(&datagram) {
        None => Ok(datagram),
        Some((kind, inner, inside)) => {
            datagram.path.push_tunnel(kind);
            innermost(inner, inside, datagram.path)
        }
    }
}

#[inline]
fn innermost(layer: Layer, span: Span<'_>, path: Path) -> Result<Datagram<'_>, Skip> {
    let (mut layer, mut span, mut path) = (layer, span, path);
    for _ in 0..LAYERS {
        (layer, span) = match layer {
            Layer::Ethernet => ethernet(span).ok_or(Skip::NotIp)?,
            Layer::EtherType(0x0800 | 0x86dd) => (Layer::Ip, span),
            Layer::EtherType(ether_type) => {
                tagged(ether_type, span, &mut path).ok_or(Skip::NotIp)?
            }
            Layer::Ppp => ppp(span).ok_or(Skip::NotIp)?,
            Layer::Ip => {
                let datagram = ip::decode(span, path)?;
                if datagram.fragment.is_some() {
                    return Ok(datagram);
                }
                match tunnel::inside(&datagram) {
                    None => return Ok(datagram),
                    Some((kind, inner, inside)) => {
                        path.push_tunnel(kind);
                        (inner, inside)
                    }
                }
            }
        };
    }
    Err(Skip::NotIp)
}

fn ethernet(span: Span<'_>) -> Option<(Layer, Span<'_>)> {
    let [.., high, low] = span.head::<14>()?;
    Some((
        Layer::EtherType(u16::from_be_bytes([*high, *low])),
        span.skip(14)?,
    ))
}

fn ppp(span: Span<'_>) -> Option<(Layer, Span<'_>)> {
    // With or without the address and control bytes of HDLC (RFC 1662, section 3.1).
    let span = match span.head::<2>()? {
        [0xff, 0x03] => span.skip(2)?,
        _ => span,
    };
    match span.head::<2>()? {
        [0x00, 0x21 | 0x57] => Some((Layer::Ip, span.skip(2)?)),
        // Protocol field compression (RFC 1661, section 6.5).
        [0x21 | 0x57, _] => Some((Layer::Ip, span.skip(1)?)),
        _ => None,
    }
}

/// Everything between Ethernet and IP.
fn tagged<'a>(ether_type: u16, span: Span<'a>, path: &mut Path) -> Option<(Layer, Span<'a>)> {
    let mut reader = Reader::new(span.bytes);
    match ether_type {
        // 802.1Q, 802.1ad and the older numbers of stacked tags.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
            path.push_vlan(reader.u16().ok()?);
            Some((Layer::EtherType(reader.u16().ok()?), span.skip(4)?))
        }
        // MPLS: labels until the bottom of the stack, then IP by its version.
        0x8847 | 0x8848 => {
            let mut labels = span;
            for _ in 0..LAYERS {
                let [_, _, bottom, _] = labels.head::<4>()?;
                labels = labels.skip(4)?;
                if bottom & 1 == 1 {
                    return Some((Layer::Ip, labels));
                }
            }
            None
        }
        // PPPoE session (RFC 2516).
        0x8864 => Some((Layer::Ppp, span.skip(6)?)),
        // Cisco metadata with a security group tag.
        0x8909 => {
            reader.take(6).ok()?;
            Some((Layer::EtherType(reader.u16().ok()?), span.skip(8)?))
        }
        // Ethernet inside GRE or Geneve.
        0x6558 => Some((Layer::Ethernet, span)),
        // ERSPAN types II and III.
        0x88be => {
            path.push_tunnel(Tunnel::Erspan);
            Some((Layer::Ethernet, span.skip(8)?))
        }
        0x22eb => {
            path.push_tunnel(Tunnel::Erspan);
            let [.., flags] = span.head::<12>()?;
            let sub_header = if flags & 1 == 1 { 20 } else { 12 };
            Some((Layer::Ethernet, span.skip(sub_header)?))
        }
        // A length: 802.3 with LLC and SNAP.
        0..=1500 => {
            let span = span.limit(usize::from(ether_type));
            match span.head::<8>()? {
                [0xaa, 0xaa, 0x03, 0, 0, 0, high, low] => Some((
                    Layer::EtherType(u16::from_be_bytes([*high, *low])),
                    span.skip(8)?,
                )),
                _ => None,
            }
        }
        _ => None,
    }
}
