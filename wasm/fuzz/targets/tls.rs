//! Records and the ClientHello in them: a chunk size, then a stream. Reading it chunk by chunk
//! finds what reading it at once finds.
#![no_main]
use ja4_fuzz::Input;
use ja4_wasm::client_hello::ClientHello;
use ja4_wasm::ja4::Transport;
use ja4_wasm::preamble::{Preamble, proxy};
use ja4_wasm::record::{Step, Walk, is_sslv2, looks_like_hello, message};
use ja4_wasm::stream::Progress;
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

static ROOM: Mutex<[u8; 70_000]> = Mutex::new([0; 70_000]);

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (size, kind) = (input.byte(), input.byte());
    let stream = input.rest();
    let _ = (looks_like_hello(stream), is_sslv2(stream));
    if let Some((_, length, _)) = proxy(stream) {
        assert!(length >= 8);
    }
    let _ = Preamble::None.then(stream).then(stream);
    let start = match kind & 3 {
        0 => Walk::follow_up(false),
        1 => Walk::follow_up(true),
        _ => Walk::START,
    };
    let mut whole = start;
    let once = whole.advance(stream);
    let mut walk = start;
    let mut steps = Step::More;
    let size = usize::from(size).max(1);
    for end in (size..stream.len()).step_by(size).chain([stream.len()]) {
        steps = walk.advance(&stream[..end]);
        if steps != Step::More {
            break;
        }
    }
    assert_eq!(once, steps);
    let Step::Hello { total, end } = once else {
        return;
    };
    assert!(total <= end);
    let Ok(mut room) = ROOM.lock() else {
        return;
    };
    let Some(hello) = message(stream, total, room.as_mut_slice()) else {
        panic!("a whole message has no bytes");
    };
    assert_eq!(hello.len(), total);
    assert_eq!(whole.announced(), Some(total));
    if let Ok(hello) = ClientHello::parse(hello, Transport::Tcp) {
        assert!(hello.session_id.len() <= 32);
        assert!(hello.extensions().count() <= hello.code_points());
        let _ = (hello.sni(), hello.alpns().count(), hello.post_quantum());
    }
});
