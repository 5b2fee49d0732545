use std::collections::HashMap;

use bstr::ByteSlice;
use proptest::prelude::*;

use super::super::parse;
use super::*;
use crate::config::parse_bytes;
use crate::pattern::{Budget, Spans};

fn settings(more: &str) -> LineSettings {
    let text = format!("set mailserver h\nset json on\n{more}");
    parse_bytes(text.as_bytes())
        .config
        .expect("a good one")
        .lines
}

/// Host and message of a line, and what its JSON is.
fn parsed(line: &str, settings: &LineSettings) -> Option<(String, String, JsonForm)> {
    let mut budget = Budget::new(line.len());
    match parse(
        line.as_bytes(),
        settings,
        &mut Spans::default(),
        &mut budget,
    ) {
        Parsed::Record(record) => Some((
            record.host.as_bstr().to_string(),
            record.message.as_bstr().to_string(),
            record.json,
        )),
        _ => None,
    }
}

#[test]
fn an_object_becomes_a_line_of_text() {
    let settings = settings("");
    let cases = [
        (
            r#"web[7]: {"level":"error","msg":"no route","peer":{"port":22,"net":{"as":1e3}},"why":"timed out"}"#,
            r#"web[7]: error: no route peer.net.as=1e3 peer.port=22 why="timed out""#,
        ),
        (r#"{"app":"web","msg":"x"}"#, "web: x"),
        (r#"app: @cee: {"msg":"x","app":"other"}"#, "other: x"),
        (r#"app: @cee:{"msg":"x"}"#, "app: x"),
        (
            r#"{"b":true,"a":null,"c":[1, "x y"],"d":""}"#,
            r#"a=null b=true c="[1, \"x y\"]" d="""#,
        ),
        // Numbers stay as written, text has no control characters, times are left out.
        (
            r#"{"msg":"a\tb\n  at x\n","n":12345678901234567890.10,"time":"now","trace_id":"7"}"#,
            "a#011b#012  at x n=12345678901234567890.10",
        ),
        (
            r#"{"message":"\u65e5\u672c é","k=y z\"":"a=b"}"#,
            r#"日本 é k_y_z_="a=b""#,
        ),
        (r#"{"severity":"W","log":"l","msg":"m"}"#, "W: m log=l"),
        ("{}", ""),
        ("app: {\"a\":1,\"level\":null}", "app: a=1 level=null"),
    ];
    for (message, want) in cases {
        let line = format!("Nov 23 21:44:00 h1 {message}");
        let want = ("h1".to_owned(), want.to_owned(), JsonForm::Text);
        assert_eq!(parsed(&line, &settings), Some(want), "{message}");
    }
}

#[test]
fn what_is_no_object_stays_the_line_it_was() {
    let settings = settings("");
    let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let (good, bad) = (deep(16), deep(17));
    let cases = [
        ("app: {x}", JsonForm::Invalid),
        ("app: {\"a\":1} }", JsonForm::Invalid),
        ("{\"a\":\"\\ud800\"}", JsonForm::Invalid),
        ("{\"a\":1,}", JsonForm::Invalid),
        ("app: text {\"a\":1}", JsonForm::No),
        ("app: [{\"a\":1}", JsonForm::No),
        ("no object }", JsonForm::No),
        ("[\"a\"]", JsonForm::No),
        (&bad, JsonForm::Invalid),
        (
            &format!("{{\"a\":{}1{}}}", "[".repeat(9_000), "]".repeat(9_000)),
            JsonForm::Invalid,
        ),
    ];
    for (message, json) in cases {
        let line = format!("Nov 23 21:44:00 h1 {message}");
        let want = ("h1".to_owned(), message.to_owned(), json);
        assert_eq!(parsed(&line, &settings), Some(want), "{message}");
    }
    let line = format!("Nov 23 21:44:00 h1 {good}");
    let read = parsed(&line, &settings).unwrap();
    assert_eq!(read.1, format!("a{}=1", ".a".repeat(15)));
    assert_eq!(parsed("{\"a\":1,}", &settings), None);
    // Without the directive.
    let off = LineSettings {
        json: Default::default(),
        ..settings
    };
    let line = "Nov 23 21:44:00 h1 {\"msg\":\"x\"}";
    assert_eq!(parsed(line, &off).unwrap().1, "{\"msg\":\"x\"}");
    assert_eq!(parsed("{\"msg\":\"x\"}", &off), None);
}

#[test]
fn hosts_are_those_of_the_object_of_the_prefix_or_this_machine() {
    let usual = settings("");
    let line = r#"{"hostname":"db1","msg":"x"}"#;
    assert_eq!(parsed(line, &usual).unwrap().0, "db1");
    let line = format!("2026-11-23T21:44:00Z h1 {line}");
    assert_eq!(parsed(&line, &usual).unwrap().0, "db1");
    let own = this_host().as_bstr().to_string();
    for odd in ["\"a b\"", "\"\"", "7", "\"a\\n\"", "[1]", "null"] {
        let line = format!("{{\"hostname\":{odd},\"msg\":\"x\"}}");
        assert_eq!(parsed(&line, &usual).unwrap().0, own, "{odd}");
    }
    let set = settings("set json_field host=node.name message=text,msg\nset json_field drop=at\n");
    let line = r#"{"node":{"name":"n1"},"text":"t","msg":"m","at":1,"time":2}"#;
    let want = ("n1".to_owned(), "t msg=m time=2".to_owned(), JsonForm::Text);
    assert_eq!(parsed(line, &set), Some(want));
}

#[test]
fn keys_have_a_bound() {
    let settings = settings("");
    let keys: Vec<String> = (0..40).map(|n| format!("\"k{n:02}\":{n}")).collect();
    let line = format!("{{{},\"{}\":1}}", keys.join(","), "l".repeat(200));
    let text = parsed(&line, &settings).unwrap().1;
    assert!(
        text.starts_with("k00=0 k01=1 ") && text.ends_with(" k31=31 [... 9 keys more]"),
        "{text}"
    );
    // A long key around many others is not written for each of them.
    let inner = keys.join(",");
    let line = format!("{{\"{}\":{{{inner}}}}}", "x".repeat(30_000));
    let text = parsed(&line, &settings).unwrap().1;
    assert_eq!(text, "[... 40 keys more]");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever stands there: it does not panic, the text is one line of bounded length, and nothing is made of
    /// what serde_json would not read.
    #[test]
    fn any_text_is_read(text in "\\PC{0,20}|[{}\\[\\]\",:a1.e\\\\u0 \n-]{0,40}", quoted in any::<bool>()) {
        let message = match quoted {
            true => format!("{{\"k\":\"{text}\"}}"),
            false => format!("{{{text}}}"),
        };
        let fields = JsonFields::default();
        // Not as values: numbers may be too large for those.
        let valid = serde_json::from_str::<HashMap<String, &RawValue>>(&message).is_ok();
        match read(message.as_bytes(), &fields) {
            Read::Text(_, text) => {
                prop_assert!(valid, "{}", message);
                prop_assert!(text.len() <= 8 * message.len() + 64);
                prop_assert!(!text.iter().any(|byte| byte.is_ascii_control()));
                prop_assert!(str::from_utf8(&text).is_ok());
            }
            Read::Invalid => prop_assert!(!valid, "{}", message),
            Read::Other => prop_assert!(false, "{}", message),
        }
    }
}
