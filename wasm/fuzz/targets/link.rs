//! Link layers, tags, labels and tunnels: a link type, then a frame.
#![no_main]
use ja4_fuzz::{Input, span};
use ja4_wasm::link;
use libfuzzer_sys::fuzz_target;

const LINK_TYPES: [u32; 16] = [
    1, 0, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 276, 239, 9999,
];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let link_type = LINK_TYPES[usize::from(input.byte() & 15)];
    let missing = input.byte();
    let frame = input.rest();
    let Ok(datagram) = link::decode(link_type, span(frame, missing)) else {
        return;
    };
    let payload = datagram.payload;
    assert!(payload.bytes.len() <= frame.len());
    assert!(payload.wire >= payload.bytes.len());
    assert!(payload.missing() <= usize::from(missing) || missing > 0);
    assert!(datagram.path.vlans().len() <= 4 && datagram.path.tunnels().len() <= 4);
    // What is found lies in the frame.
    let (inner, outer) = (payload.bytes.as_ptr_range(), frame.as_ptr_range());
    assert!(outer.start <= inner.start && inner.end <= outer.end);
});
