//! IP headers and fragments: packets of raw IP, each with its length before it. What is put
//! together is compared with a table that keeps every byte by its offset.
#![no_main]
use ja4_fuzz::{Input, NO_PATH, span};
use ja4_wasm::fragments::Fragments;
use ja4_wasm::{ip, link, tunnel};
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

static FRAGMENTS: Mutex<Fragments<4>> = Mutex::new(Fragments::EMPTY);

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let Ok(mut fragments) = FRAGMENTS.lock() else {
        return;
    };
    fragments.reset();
    let mut now = 1_u64;
    let mut sent = 0_u64;
    let mut discarded = 0_u64;
    while !input.is_empty() {
        now += u64::from(input.byte()) * 1_000_000;
        let packet = input.piece();
        let Ok(datagram) = ip::decode(span(packet, 0), NO_PATH) else {
            continue;
        };
        let _ = tunnel::inside(&datagram);
        if datagram.fragment.is_none() {
            continue;
        }
        sent += 1;
        discarded += fragments.expire(now);
        let (whole, lost) = fragments.insert(now, &datagram);
        discarded += lost;
        if let Some(whole) = whole {
            assert!(whole.fragment.is_none());
            assert!(!whole.payload.bytes.is_empty());
            assert_eq!(whole.payload.missing(), 0);
            let _ = link::resume(whole);
        }
    }
    assert!(discarded <= sent);
});
