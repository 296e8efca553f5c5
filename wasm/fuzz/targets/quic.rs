//! QUIC: datagrams as they come, and contents of Initial packets that this target protects itself,
//! since no mutation finds a valid tag. Its protection is written apart from the parser's.
#![no_main]
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::AeadInOut;
use hkdf::Hkdf;
use ja4_fuzz::{Input, NO_PATH, check_lines, end, span};
use ja4_wasm::conversations::Conversations;
use ja4_wasm::output::{End, Output};
use ja4_wasm::quic::CryptoFrames;
use ja4_wasm::udp::Udp;
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;
use std::sync::{LazyLock, Mutex};

type State = (Conversations<8, 4>, Output);
static STATE: Mutex<State> = Mutex::new((Conversations::EMPTY, Output::EMPTY));
static KEYS: LazyLock<[Keys; 2]> = LazyLock::new(|| [Keys::of(b"firstone"), Keys::of(b"second")]);

/// Version 1, the client's side (RFC 9001, section 5.2).
struct Keys {
    id: &'static [u8],
    cipher: Aes128Gcm,
    iv: [u8; 12],
    header: Aes128,
}

impl Keys {
    fn of(id: &'static [u8]) -> Self {
        let salt = b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
        let mut client = [0; 32];
        let expand = |secret: &Hkdf<Sha256>, label: &[u8], room: &mut [u8]| {
            let mut info = vec![0, room.len() as u8, 6 + label.len() as u8];
            info.extend_from_slice(b"tls13 ");
            info.extend_from_slice(label);
            info.push(0);
            secret.expand(&info, room).expect("a short key");
        };
        expand(&Hkdf::new(Some(salt), id), b"client in", &mut client);
        let secret = Hkdf::from_prk(&client).expect("a secret of the right length");
        let (mut key, mut iv, mut header) = ([0; 16], [0; 12], [0; 16]);
        expand(&secret, b"quic key", &mut key);
        expand(&secret, b"quic iv", &mut iv);
        expand(&secret, b"quic hp", &mut header);
        Self {
            id,
            cipher: Aes128Gcm::new(&key.into()),
            iv,
            header: Aes128::new(&header.into()),
        }
    }

    /// An Initial packet with a number of one byte.
    fn seal(&self, id: &[u8], number: u8, content: &[u8], packet: &mut Vec<u8>) {
        let start = packet.len();
        packet.extend_from_slice(&[0xc0, 0, 0, 0, 1, id.len() as u8]);
        packet.extend_from_slice(id);
        packet.extend_from_slice(&[0, 0]);
        let content = &content[..content.len().min(1400)];
        let length = 0x4000 | (1 + content.len().max(4) + 16) as u16;
        packet.extend_from_slice(&length.to_be_bytes());
        let number_at = packet.len();
        packet.push(number);
        let mut body = content.to_vec();
        body.resize(content.len().max(4), 0);
        let mut nonce = self.iv;
        nonce[11] ^= number;
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce.into(), &packet[start..], body.as_mut_slice().into())
            .expect("a short packet");
        packet.extend_from_slice(&body);
        packet.extend_from_slice(&tag);
        let mut mask = [0; 16];
        mask.copy_from_slice(&packet[number_at + 4..number_at + 20]);
        let mut mask = mask.into();
        self.header.encrypt_block(&mut mask);
        packet[start] ^= mask[0] & 0x0f;
        packet[number_at] ^= mask[1];
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let Ok(mut state) = STATE.lock() else {
        return;
    };
    let (conversations, out) = &mut *state;
    conversations.reset([1, 2, 3, 4]);
    out.writer.clear();
    let before = out.writer.sequence();
    let mut now = 1_000_000;
    let mut datagram = Vec::new();
    while !input.is_empty() {
        let (ends, how) = (input.byte(), input.byte());
        let piece = input.piece();
        if how & 1 == 0 {
            datagram.extend_from_slice(piece);
        } else {
            for (offset, data) in CryptoFrames::of(piece) {
                assert!(data.len() <= piece.len() && offset < 1 << 62);
            }
            let keys = &KEYS[usize::from(how >> 1 & 1)];
            // Later packets carry the identifier that the server chose.
            let id = if how & 4 == 0 { keys.id } else { b"server" };
            keys.seal(id, how >> 4, piece, &mut datagram);
        }
        // Else the next packet goes into the same datagram.
        if how & 8 == 0 {
            let udp = Udp {
                source: end(ends),
                destination: end(ends >> 4),
                payload: span(&datagram, 0),
            };
            let first = out.writer.sequence();
            conversations.datagram(out, now, &udp, NO_PATH);
            assert!(out.writer.sequence() - first <= 8, "a datagram causes too many events");
            datagram.clear();
            now += 1000;
        }
        if !out.writer.has_room() {
            break;
        }
    }
    conversations.sweep(out, u64::MAX, End::Finished);
    assert_eq!(conversations.held().1, 0, "a message is held for ever");
    check_lines(&out.writer, before);
});
