//! DTLS: datagrams with their lengths before them, between a few ends.
#![no_main]
use ja4_fuzz::{Input, NO_PATH, check_lines, end, span};
use ja4_wasm::conversations::Conversations;
use ja4_wasm::dtls::Fragments;
use ja4_wasm::output::{End, Output};
use ja4_wasm::udp::Udp;
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

type State = (Conversations<8, 4>, Output);
static STATE: Mutex<State> = Mutex::new((Conversations::EMPTY, Output::EMPTY));

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
    while !input.is_empty() {
        let (ends, missing) = (input.byte(), input.byte());
        let payload = input.piece();
        for fragment in Fragments::of(payload, missing > 0) {
            assert!(fragment.bytes.len() <= payload.len());
            assert!(fragment.offset <= fragment.length);
        }
        let udp = Udp {
            source: end(ends),
            destination: end(ends >> 4),
            payload: span(payload, missing),
        };
        let first = out.writer.sequence();
        conversations.datagram(out, now, &udp, NO_PATH);
        assert!(out.writer.sequence() - first <= 8, "a datagram causes too many events");
        now += 1000;
        if !out.writer.has_room() {
            break;
        }
    }
    conversations.sweep(out, u64::MAX, End::Finished);
    assert_eq!(conversations.held().1, 0, "a message is held for ever");
    check_lines(&out.writer, before);
});
