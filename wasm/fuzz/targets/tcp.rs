//! TCP connections: segments between a few ends, of which the first bytes are a ClientHello's.
//! However its bytes are cut, repeated and ordered, the event is the one of a single segment.
#![no_main]
use ja4_fuzz::{Input, NO_PATH, check_lines, end, span};
use ja4_wasm::connections::Connections;
use ja4_wasm::output::{End, Output};
use ja4_wasm::packet::{Datagram, IpFacts};
use ja4_wasm::tcp::Segment;
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

type State = (Connections<8, 4>, Output);
static STATE: Mutex<State> = Mutex::new((Connections::EMPTY, Output::EMPTY));

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let Ok(mut state) = STATE.lock() else {
        return;
    };
    let (connections, out) = &mut *state;
    connections.reset([1, 2, 3, 4]);
    out.writer.clear();
    let before = out.writer.sequence();
    let mut now = 1_000_000;
    while !input.is_empty() {
        let (ends, flags, missing) = (input.byte(), input.byte(), input.byte());
        let sequence = u32::from(input.number());
        let payload = input.piece();
        let (source, destination) = (end(ends), end(ends >> 4));
        let datagram = Datagram {
            source: source.address,
            destination: destination.address,
            protocol: 6,
            facts: IpFacts {
                ttl: 64,
                dont_fragment: true,
                identification: None,
            },
            fragment: None,
            payload: span(payload, missing),
            path: NO_PATH,
        };
        let segment = Segment {
            source,
            destination,
            // The numbers wrap among those of the segments.
            sequence: sequence.wrapping_sub(0x4000),
            acknowledgment: u32::from(missing),
            // Bits that no code looks at say how much time went by.
            flags: flags & 0x3f,
            window: 0,
            options: payload.get(..20).unwrap_or_default(),
            payload: span(payload, missing & 1),
        };
        now += u64::from(flags >> 6) * 20_000_000;
        connections.segment(out, now, &datagram, &segment);
        if flags >> 6 == 3 {
            connections.sweep(out, now, End::Timeout);
        }
        if !out.writer.has_room() {
            break;
        }
    }
    connections.sweep(out, u64::MAX, End::Finished);
    assert_eq!(connections.held().1, 0, "a stream is held for ever");
    check_lines(&out.writer, before);
});
