//! IPv4 (RFC 791) and IPv6 (RFC 8200).
use crate::link::Skip;
use crate::packet::{Datagram, Fragment, IpFacts, Path, Span};
use crate::reader::Reader;

/// IP protocol numbers that are looked into.
pub mod protocol {
    /// IPv4 in IP.
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 in IP.
    pub const IPV6: u8 = 41;
    /// GRE.
    pub const GRE: u8 = 47;
    /// L2TP version 3.
    pub const L2TP: u8 = 115;
}

/// `::ffff:0:0`, the prefix of IPv4-mapped addresses.
const MAPPED: u128 = 0xffff_0000_0000;
/// Extension headers followed at most.
const EXTENSIONS: usize = 8;

/// The IPv4 address that `address` maps, if it does.
#[must_use]
#[inline]
pub fn ipv4(address: u128) -> Option<[u8; 4]> {
    let low = u32::try_from(address ^ MAPPED).ok()?;
    Some(low.to_be_bytes())
}

/// Reads the IP header at the front of `span`.
///
/// # Errors
/// `NotIp` for a header that is cut off or contradicts itself.
#[inline]
pub fn decode(span: Span<'_>, path: Path) -> Result<Datagram<'_>, Skip> {
    match span.bytes.first().map(|first| first >> 4) {
        Some(4) => decode_v4(span, path),
        Some(6) => decode_v6(span, path),
        _ => Err(Skip::NotIp),
    }
}

fn decode_v4(span: Span<'_>, path: Path) -> Result<Datagram<'_>, Skip> {
    let Some(
        [
            first,
            _,
            total0,
            total1,
            id0,
            id1,
            fragment0,
            fragment1,
            ttl,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ],
    ) = span.head::<20>()
    else {
        return Err(Skip::NotIp);
    };
    let header = usize::from(first & 0x0f).saturating_mul(4);
    let total = usize::from(u16::from_be_bytes([*total0, *total1]));
    if header < 20 || (total != 0 && total < header) {
        return Err(Skip::NotIp);
    }
    // Segmentation offload leaves 0 as the length: the frame's length is all there is.
    let span = if total == 0 { span } else { span.limit(total) };
    let identification = u16::from_be_bytes([*id0, *id1]);
    let flags = u16::from_be_bytes([*fragment0, *fragment1]);
    Ok(Datagram {
        source: MAPPED | u128::from(u32::from_be_bytes([*s0, *s1, *s2, *s3])),
        destination: MAPPED | u128::from(u32::from_be_bytes([*d0, *d1, *d2, *d3])),
        protocol: *protocol,
        facts: IpFacts {
            ttl: *ttl,
            dont_fragment: flags & 0x4000 != 0,
            identification: Some(identification),
        },
        fragment: (flags & 0x3fff != 0).then(|| Fragment {
            identification: u32::from(identification),
            offset: (flags & 0x1fff).saturating_mul(8),
            more: flags & 0x2000 != 0,
        }),
        payload: span.skip(header).ok_or(Skip::NotIp)?,
        path,
    })
}

fn decode_v6(span: Span<'_>, path: Path) -> Result<Datagram<'_>, Skip> {
    let mut reader = Reader::new(span.bytes);
    let fixed = |reader: &mut Reader<'_>| {
        reader.take(4)?;
        let length = usize::from(reader.u16()?);
        let [next, hop_limit] = *reader.array()?;
        let source = u128::from_be_bytes(*reader.array()?);
        let destination = u128::from_be_bytes(*reader.array()?);
        Ok::<_, crate::reader::Short>((length, next, hop_limit, source, destination))
    };
    let (length, next, ttl, source, destination) = fixed(&mut reader).map_err(|_| Skip::NotIp)?;
    let mut payload = span.skip(40).ok_or(Skip::NotIp)?;
    // BIG TCP and jumbograms (RFC 2675) leave 0 as the length.
    if length != 0 {
        payload = payload.limit(length);
    }
    extensions(Datagram {
        source,
        destination,
        protocol: next,
        facts: IpFacts {
            ttl,
            dont_fragment: true,
            identification: None,
        },
        fragment: None,
        payload,
        path,
    })
}

/// Skips extension headers of IPv6 in front of the payload, up to a fragment's.
///
/// # Errors
/// `NotIp` if one is cut off.
pub fn extensions(mut datagram: Datagram<'_>) -> Result<Datagram<'_>, Skip> {
    for _ in 0..EXTENSIONS {
        // Hop-by-hop, routing, fragment, authentication, destination options, mobility.
        if !matches!(datagram.protocol, 0 | 43 | 44 | 51 | 60 | 135) {
            break;
        }
        let payload = datagram.payload;
        let [next, length, high, low] = *payload.head::<4>().ok_or(Skip::NotIp)?;
        let length = match datagram.protocol {
            44 => 8,
            51 => usize::from(length).saturating_add(2).saturating_mul(4),
            _ => usize::from(length).saturating_add(1).saturating_mul(8),
        };
        let fragment = datagram.protocol == 44;
        datagram.protocol = next;
        datagram.payload = payload.skip(length).ok_or(Skip::NotIp)?;
        // Offset and "more fragments"; both zero is an atomic fragment (RFC 6946).
        let place = u16::from_be_bytes([high, low]);
        if fragment && place & 0xfff9 != 0 {
            let [.., i0, i1, i2, i3] = *payload.head::<8>().ok_or(Skip::NotIp)?;
            datagram.fragment = Some(Fragment {
                identification: u32::from_be_bytes([i0, i1, i2, i3]),
                offset: place & 0xfff8,
                more: place & 1 == 1,
            });
            break;
        }
    }
    Ok(datagram)
}
