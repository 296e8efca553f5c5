//! Captured packets in, ClientHello events out.
//!
//! A batch of pcap records, or a piece of a capture file ([`file`]), lies in linear
//! memory; [`engine::Engine`] decodes each packet
//! ([`link`], [`ip`], [`tunnel`], [`fragments`], [`tcp`]), follows connections ([`connections`]) and
//! what is said over UDP ([`conversations`], [`quic`], [`dtls`]), and puts together what arrives
//! in pieces ([`stream`], [`record`], [`messages`]); [`client_hello`] reads the message, [`ja4`] and [`ja3`]
//! fingerprint it, and [`event`] writes one JSON line for it.
//!
//! Nothing allocates and nothing panics: every table has its size in [`limits`], every read goes
//! through a checked cursor, and the whole state is one static value.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "exports of the C ABI and the one static state")]
pub mod abi;
pub mod ciphers;
pub mod client_hello;
pub mod community_id;
pub mod connections;
pub mod conversation;
pub mod conversations;
pub mod digest;
pub mod dtls;
pub mod engine;
pub mod event;
pub mod extensions;
pub mod fields;
pub mod file;
pub mod flow;
pub mod fragments;
pub mod grease;
pub mod ip;
pub mod ja3;
pub mod ja4;
pub mod json;
pub mod limits;
pub mod link;
pub mod lists;
pub mod messages;
pub mod number;
pub mod output;
pub mod packet;
pub mod pcapng;
pub mod pieces;
pub mod preamble;
pub mod quic;
pub mod reader;
pub mod record;
pub mod search;
pub mod stream;
pub mod table;
pub mod tcp;
pub mod text;
pub mod tunnel;
pub mod udp;

/// A panic is not reachable from input (the lints see to that); if one happens all the same, the
/// instance traps and the host starts another.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
