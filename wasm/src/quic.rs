//! QUIC long-header packets (RFC 9000, section 17.2) and the protection of Initial packets
//! (RFC 9001, section 5). Their keys follow from the connection identifier that the client chose,
//! so whoever sees the packet can read it.
use crate::number::{size, wide};
use crate::reader::{Reader, Short};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{Aes128Gcm, KeyInit};
use core::ops::Range;
use hkdf::Hkdf;
use sha2::Sha256;

/// Longest connection identifier (RFC 9000, section 17.2).
const ID_BYTES: usize = 20;
/// Datagrams with an Initial packet of a client are at least so long (RFC 9000, section 14.1).
const DATAGRAM_BYTES: usize = 1200;

const V2: u32 = 0x6b33_43cf;

/// The salt of a version; `None` for one that is not known.
fn salt(version: u32) -> Option<&'static [u8; 20]> {
    Some(match version {
        // RFC 9001, section 5.2; drafts 33 and 34 had it already.
        0x0000_0001 | 0xff00_0021..=0xff00_0022 => {
            b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
        }
        // RFC 9369, section 3.3.1.
        V2 => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        // draft-ietf-quic-tls-29 to -32.
        0xff00_001d..=0xff00_0020 => {
            b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
        }
        // draft-ietf-quic-tls-23 to -28, and mvfst's alias of draft 27.
        0xff00_0017..=0xff00_001c | 0xface_b002 => {
            b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
        }
        // draft-ietf-quic-tls-22, and mvfst's alias of it.
        0xff00_0016 | 0xface_b001 => {
            b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
        }
        // Google's T050 and T051: drafts with TLS and salts of their own.
        0x5430_3530 => {
            b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
        }
        0x5430_3531 => {
            b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
        }
        _ => return None,
    })
}

/// A packet at the front of a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// An Initial packet.
    Initial(Initial<'a>),
    /// One of another type, with a length.
    Other,
    /// Looks like QUIC of a version that is not known.
    UnknownVersion,
}

/// An Initial packet, protected.
#[derive(Clone, Copy, Debug)]
pub struct Initial<'a> {
    version: u32,
    /// Destination connection identifier.
    id: &'a [u8],
    /// Offset of the packet number.
    number_at: usize,
    bytes: &'a [u8],
}

/// Reads the packet at the front of `datagram`, and returns what lies behind it. `None` if there
/// is none with a long header and a length.
#[must_use]
pub fn packet(datagram: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let mut reader = Reader::new(datagram);
    // The fixed bit may be 0 (RFC 9287).
    let first = reader.u8().ok().filter(|first| first & 0x80 != 0)?;
    let version = reader.u32().ok().filter(|version| *version != 0)?;
    let id = reader.vec_u8().ok().filter(|id| id.len() <= ID_BYTES)?;
    let other = reader.vec_u8().ok()?;
    if salt(version).is_none() {
        let plausible = other.len() <= ID_BYTES && datagram.len() >= DATAGRAM_BYTES;
        return plausible.then_some((Packet::UnknownVersion, &[]));
    }
    // Version 2 counts the types from another one on (RFC 9369, section 3.2).
    let types = if version == V2 { 3 } else { 0 };
    let kind = (first >> 4 & 3).wrapping_add(types) & 3;
    match kind {
        0 => {
            let token = varint(&mut reader).ok()?;
            reader.take(usize::try_from(token).ok()?).ok()?;
        }
        // Retry has no length; nothing follows it.
        3 => return None,
        _ => {}
    }
    let length = usize::try_from(varint(&mut reader).ok()?).ok()?;
    let number_at = datagram.len().checked_sub(reader.rest().len())?;
    let (bytes, rest) = datagram.split_at_checked(number_at.checked_add(length)?)?;
    let packet = match kind {
        0 => Packet::Initial(Initial {
            version,
            id,
            number_at,
            bytes,
        }),
        _ => Packet::Other,
    };
    Some((packet, rest))
}

/// A variable-length integer (RFC 9000, section 16).
fn varint(reader: &mut Reader<'_>) -> Result<u64, Short> {
    let first = reader.u8()?;
    let more: usize = match first >> 6 {
        0 => 0,
        1 => 1,
        2 => 3,
        _ => 7,
    };
    let start = u64::from(first & 0x3f);
    let rest = reader.take(more)?;
    Ok(rest
        .iter()
        .fold(start, |value, byte| value << 8 | u64::from(*byte)))
}

/// Keys of the packets that a client sends.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    version: u32,
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    /// All zeros; stands where there are none.
    pub const NONE: Self = Self {
        version: 0,
        key: [0; 16],
        iv: [0; 12],
        header: [0; 16],
    };

    /// The keys that follow from the identifier in `initial` (RFC 9001, section 5.2).
    #[must_use]
    pub fn of(initial: &Initial<'_>) -> Option<Self> {
        let initial_secret = Hkdf::<Sha256>::new(Some(salt(initial.version)?), initial.id);
        let mut secret = [0; 32];
        expand(&initial_secret, b"client in", &mut secret)?;
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let labels: [&[u8]; 3] = if initial.version == V2 {
            [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"]
        } else {
            [b"quic key", b"quic iv", b"quic hp"]
        };
        let [key, iv, header] = labels;
        let mut keys = Self {
            version: initial.version,
            ..Self::NONE
        };
        expand(&secret, key, &mut keys.key)?;
        expand(&secret, iv, &mut keys.iv)?;
        expand(&secret, header, &mut keys.header)?;
        Some(keys)
    }

    /// Whether `initial` may be protected with them.
    #[must_use]
    pub fn fit(&self, initial: &Initial<'_>) -> bool {
        self.version == initial.version
    }

    /// Removes the protection of `initial` in `room` (RFC 9001, sections 5.3 and 5.4). Returns
    /// where its content is then, or `None` if the packet is not authentic.
    pub fn open(&self, initial: &Initial<'_>, room: &mut [u8]) -> Option<Range<usize>> {
        let room = room.get_mut(..initial.bytes.len())?;
        room.copy_from_slice(initial.bytes);
        // The sample is where it would be if the number had four bytes.
        let sample = room.get(initial.number_at.checked_add(4)?..)?;
        let mut mask = (*sample.first_chunk::<16>()?).into();
        Aes128::new(&self.header.into()).encrypt_block(&mut mask);
        let mut mask = mask.iter();
        let first = room.first_mut()?;
        *first ^= mask.next()? & 0x0f;
        let count = size(u32::from(*first & 3)).saturating_add(1);
        // Numbers of Initial packets are small: what was cut off in front is 0.
        let mut number: u32 = 0;
        for (byte, mask) in room
            .iter_mut()
            .skip(initial.number_at)
            .take(count)
            .zip(mask)
        {
            *byte ^= mask;
            number = number << 8 | u32::from(*byte);
        }
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(8).zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        let start = initial.number_at.checked_add(count)?;
        let (header, body) = room.split_at_mut_checked(start)?;
        let (body, tag) = body.split_last_chunk_mut::<16>()?;
        let end = start.checked_add(body.len())?;
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(&nonce.into(), header, body.into(), &(*tag).into())
            .ok()?;
        Some(start..end)
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
fn expand(secret: &Hkdf<Sha256>, label: &[u8], room: &mut [u8]) -> Option<()> {
    let length = u8::try_from(room.len()).ok()?;
    let label_length = u8::try_from(label.len()).ok()?.checked_add(6)?;
    let info: [&[u8]; 4] = [&[0, length, label_length], b"tls13 ", label, &[0]];
    secret.expand_multi_info(&info, room).ok()
}

/// The CRYPTO frames (RFC 9000, section 19.6) of an Initial packet: offset and data. Ends at a
/// frame that must not be there.
#[derive(Clone, Copy, Debug)]
pub struct CryptoFrames<'a>(Reader<'a>);

impl<'a> CryptoFrames<'a> {
    /// Those of a packet's content.
    #[must_use]
    pub fn of(content: &'a [u8]) -> Self {
        Self(Reader::new(content))
    }

    fn frame(&mut self) -> Result<Option<(u64, &'a [u8])>, Short> {
        let reader = &mut self.0;
        match reader.u8()? {
            // PADDING, PING.
            0x00 | 0x01 => {}
            // ACK without and with counts of ECN marks.
            kind @ (0x02 | 0x03) => {
                varint(reader)?;
                varint(reader)?;
                let ranges = varint(reader)?;
                varint(reader)?;
                for _ in 0..ranges {
                    varint(reader)?;
                    varint(reader)?;
                }
                if kind == 0x03 {
                    varint(reader)?;
                    varint(reader)?;
                    varint(reader)?;
                }
            }
            0x06 => {
                let offset = varint(reader)?;
                let length = varint(reader)?;
                let rest = wide(reader.rest().len());
                let length = usize::try_from(length.min(rest.saturating_add(1)));
                let data = reader.take(length.map_err(|_| Short)?)?;
                return Ok(Some((offset, data)));
            }
            _ => return Err(Short),
        }
        Ok(None)
    }
}

impl<'a> Iterator for CryptoFrames<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.frame().ok()? {
                return Some(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn initial(version: u32, id: &[u8]) -> Initial<'_> {
        Initial {
            version,
            id,
            number_at: 0,
            bytes: &[],
        }
    }

    #[test]
    fn keys_of_the_specifications() {
        let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        // RFC 9001, appendix A.1.
        let keys = Keys::of(&initial(1, &id)).unwrap();
        assert_eq!(
            u128::from_be_bytes(keys.key),
            0x1f36_9613_dd76_d546_7730_efcb_e3b1_a22d
        );
        assert_eq!(keys.iv[..4], [0xfa, 0x04, 0x4b, 0x2f]);
        assert_eq!(
            u128::from_be_bytes(keys.header),
            0x9f50_449e_04a0_e810_283a_1e99_33ad_edd2
        );
        // RFC 9369, appendix A.1.
        let keys = Keys::of(&initial(V2, &id)).unwrap();
        assert_eq!(
            u128::from_be_bytes(keys.key),
            0x8b1a_0bc1_2128_4290_a29e_0971_b5cd_045d
        );
        assert_eq!(keys.iv[..4], [0x91, 0xf7, 0x3e, 0x23]);
        assert_eq!(
            u128::from_be_bytes(keys.header),
            0x45b9_5e15_235d_6f45_a6b1_9cbc_b029_4ba9
        );
    }

    #[test]
    fn varints_of_the_specification() {
        // RFC 9000, appendix A.1.
        for (bytes, value) in [
            (
                &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..],
                151_288_809_941_952_652,
            ),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ] {
            assert_eq!(varint(&mut Reader::new(bytes)), Ok(value));
        }
        assert_eq!(varint(&mut Reader::new(&[0xc0, 1])), Err(Short));
    }

    #[test]
    fn crypto_frames_between_others() {
        let content = [
            0, 1, 0x02, 5, 0, 1, 0, 0, 0, 6, 0x40, 9, 2, 7, 8, 0, 6, 0, 1, 9, 0x1c, 6, 0, 0,
        ];
        let frames: Vec<_> = CryptoFrames::of(&content).collect();
        assert_eq!(frames, [(9, &[7, 8][..]), (0, &[9])]);
        let long = [6, 0, 0xc0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(CryptoFrames::of(&long).next(), None);
    }
}
