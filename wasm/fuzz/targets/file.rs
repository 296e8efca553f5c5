//! Batches as libpcap writes them, through the whole parser: a link type, then records.
#![no_main]
use ja4_fuzz::{Input, check_lines};
use ja4_wasm::engine::Engine;
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

static ENGINE: Mutex<Engine<64, 8>> = Mutex::new(Engine::EMPTY);
const LINK_TYPES: [u32; 4] = [1, 101, 113, 276];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let link_type = LINK_TYPES[usize::from(input.byte() & 3)];
    let batch = input.rest();
    let Ok(mut engine) = ENGINE.lock() else {
        return;
    };
    engine.reset(link_type, [1, 2, 3, 4]);
    let mut at = 0;
    loop {
        engine.output.writer.clear();
        let before = engine.output.writer.sequence();
        let next = engine.batch(batch, at);
        check_lines(&engine.output.writer, before);
        assert!(at <= next && next <= batch.len());
        // What is left is less than a record, or the output is full.
        if next == at || engine.output.writer.has_room() {
            break;
        }
        at = next;
    }
    loop {
        engine.output.writer.clear();
        let before = engine.output.writer.sequence();
        let done = engine.finish();
        check_lines(&engine.output.writer, before);
        if done {
            break;
        }
    }
    assert_eq!(engine.held().1, 0, "bytes are held for ever");
});
