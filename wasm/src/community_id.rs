//! Community ID, version 1: one name for a flow across tools (corelight/community-id-spec).
use crate::ip::ipv4;
use crate::packet::Endpoint;
use sha1::{Digest, Sha1};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `1:` and the base64 of the SHA-1, for seed 0.
#[must_use]
pub fn community_id(source: Endpoint, destination: Endpoint, protocol: u8) -> [u8; 30] {
    let (first, second) = if source <= destination {
        (source, destination)
    } else {
        (destination, source)
    };
    // Laid out whole: parts of a few bytes each cost the hasher more than the hash.
    let mut message = [0; 40];
    let mut length = 2;
    let mut push = |bytes: &[u8]| {
        let end = bytes.len().saturating_add(length);
        if let Some(place) = message.get_mut(length..end) {
            place.copy_from_slice(bytes);
            length = end;
        }
    };
    for endpoint in [first, second] {
        match ipv4(endpoint.address) {
            Some(address) => push(&address),
            None => push(&endpoint.address.to_be_bytes()),
        }
    }
    push(&[protocol, 0]);
    push(&first.port.to_be_bytes());
    push(&second.port.to_be_bytes());
    let digest = Sha1::digest(message.get(..length).unwrap_or_default());

    let mut text = [b'='; 30];
    let (prefix, rest) = text.split_at_mut(2);
    prefix.copy_from_slice(b"1:");
    for (place, group) in rest.chunks_mut(4).zip(digest.chunks(3)) {
        let byte = |at| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digits = group.len().saturating_add(1);
        for (place, shift) in place.iter_mut().zip([18, 12, 6, 0]).take(digits) {
            let digit = crate::number::size(bits >> shift & 0x3f);
            *place = BASE64.get(digit).copied().unwrap_or(b'=');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(address: &str, port: u16) -> Endpoint {
        let address = match address.parse().unwrap() {
            core::net::IpAddr::V4(address) => address.to_ipv6_mapped(),
            core::net::IpAddr::V6(address) => address,
        };
        Endpoint {
            address: u128::from(address),
            port,
        }
    }

    #[test]
    fn community_id_of_the_specification() {
        // community-id-spec, "Reference implementation" and baseline of tcp.pcap.
        let id = community_id(end("128.232.110.120", 34855), end("66.35.250.204", 80), 6);
        assert_eq!(&id, b"1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        let back = community_id(end("66.35.250.204", 80), end("128.232.110.120", 34855), 6);
        assert_eq!(id, back);
    }
}
