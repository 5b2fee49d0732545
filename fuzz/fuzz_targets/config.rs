//! The reader of configurations takes any bytes: it gives a configuration or says what is wrong.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let loaded = tenshi::config::parse_bytes(bytes);
    let wrong = loaded.diagnostics.iter().any(|d| d.is_error());
    assert_eq!(loaded.config.is_none(), wrong, "refused without a word");
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
});
