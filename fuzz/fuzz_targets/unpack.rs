//! Any bytes may be a packed log: what it holds is the same however it is read, and its reading has an end.

#![no_main]

use std::io::{ErrorKind, Read};

use libfuzzer_sys::fuzz_target;
use tenshi::unpack::{Packer, Unpacked};

/// What is unpacked of a file, bytes: a few bytes may hold a gigabyte.
const MOST: usize = 1 << 20;

/// What the bytes hold, read into buffers of this size, and whether it ended in an error.
fn unpacked(packer: Packer, bytes: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut from = Unpacked::new(packer, bytes);
    let (mut held, mut buffer) = (Vec::new(), vec![0; size]);
    while held.len() < MOST {
        let wanted = size.min(MOST - held.len());
        match from.read(&mut buffer[..wanted]) {
            Ok(0) => return (held, false),
            Ok(read) => held.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return (held, true),
        }
    }
    (held, false)
}

fuzz_target!(|bytes: &[u8]| {
    let head = &bytes[..bytes.len().min(Packer::LONGEST)];
    let packer = Packer::of(head);
    for length in 0..head.len() {
        let begun = &head[..length];
        let is_told = Packer::of(begun).is_some() || Packer::may_be_of(begun);
        assert!(is_told || packer.is_none(), "{length} bytes say that it is not packed");
    }
    if let Some(packer) = packer {
        let whole = unpacked(packer, bytes, 1 << 16);
        assert!(whole == unpacked(packer, bytes, 61), "pieces hold something else");
    }
});
