//! Patterns out of the files of a package, as well as that can be done without running what is in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use regex::bytes::Regex;

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}: has the package changed?", dir.display()));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    found
}

fn lines(dir: &Path) -> Vec<Vec<u8>> {
    let content = files(dir)
        .into_iter()
        .map(|file| std::fs::read(file).unwrap());
    content
        .flat_map(|text| text.lines().map(<[u8]>::to_vec).collect::<Vec<_>>())
        .collect()
}

/// A pattern a line.
pub fn logcheck(root: &Path) -> Vec<Vec<u8>> {
    let mut all = lines(&root.join("etc/logcheck"));
    all.retain(|line| !line.starts_with(b"#") && !line.trim().is_empty());
    all
}

/// What stands behind the first word of a rule.
pub fn tenshi(root: &Path) -> Vec<Vec<u8>> {
    let rule = Regex::new(r"^([\w:,]+)[ \t]+(.+)$").unwrap();
    let regex = |line: Vec<u8>| {
        let found = rule.captures(&line)?;
        let (word, rest) = (&found[1], found[2].to_vec());
        let is_rule = !matches!(word, b"set" | b"include" | b"includedir" | b"group_end");
        is_rule.then_some(rest)
    };
    lines(&root.join("etc/tenshi"))
        .into_iter()
        .filter_map(regex)
        .collect()
}

/// `m/.../`, `=~ /.../`, `qr/.../` in Perl scripts, where no variable goes in.
pub fn logwatch(root: &Path) -> Vec<Vec<u8>> {
    let begin =
        Regex::new(r"(?:[=!]~\s*m?|\bqr|\bm|[(&|!]\s*|\b(?:and|or|if|not|unless)\s+)/").unwrap();
    let variable = Regex::new(r"(?:^|[^\\])(?:\\\\)*(?:\$[A-Za-z_{(]|@[A-Za-z_{$])").unwrap();
    let mut found = Vec::new();
    for line in lines(&root.join("usr/share/logwatch/scripts")) {
        if line.trim_start().starts_with(b"#") {
            continue;
        }
        let mut rest = &line[..];
        while let Some(start) = begin.find(rest) {
            rest = &rest[start.end()..];
            let Some(end) = closing(rest) else {
                break;
            };
            let (regex, behind) = (&rest[..end], &rest[end + 1..]);
            let flags = behind.iter().take_while(|b| b.is_ascii_lowercase()).count();
            if let (false, Some(regex)) =
                (variable.is_match(regex), flagged(regex, &behind[..flags]))
            {
                found.push(regex);
            }
            rest = behind;
        }
    }
    found
}

/// Where the `/` is that ends a pattern.
fn closing(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'/' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// A pattern with the flags that stood behind it; nothing if it is no match but another thing.
fn flagged(regex: &[u8], flags: &[u8]) -> Option<Vec<u8>> {
    if regex.is_empty() || !flags.iter().all(|flag| b"imsxgoca".contains(flag)) {
        return None;
    }
    let mut kept: Vec<u8> = flags.to_vec();
    kept.retain(|flag| b"imsx".contains(flag));
    Some(match kept.is_empty() {
        true => regex.to_vec(),
        false => [b"(?", &kept[..], b")", regex].concat(),
    })
}

/// `body NAME /.../i`, `header NAME Field =~ m{...}` and their kin.
pub fn spamassassin(root: &Path) -> Vec<Vec<u8>> {
    let rule = Regex::new(
        r"^\s*(?:body|rawbody|full|uri|mimeheader|header)\s+\w+\s+(?:[\w:.-]+\s*[=!]~\s*)?(?:m([^\w\s])|(/))(.+)$",
    )
    .unwrap();
    let regex = |line: Vec<u8>| {
        let found = rule.captures(&line)?;
        let open = found.get(1).or(found.get(2))?.as_bytes()[0];
        let close = match open {
            b'{' => b'}',
            b'(' => b')',
            b'<' => b'>',
            b'[' => b']',
            other => other,
        };
        let text = found[3].trim_end();
        let end = text.rfind_byte(close)?;
        flagged(&text[..end], &text[end + 1..])
    };
    let cf = lines(&root.join("usr/share/spamassassin"));
    cf.into_iter().filter_map(regex).collect()
}

/// The settings of a filter and of the files that it includes, by name and by `section/name`.
type Settings = HashMap<String, String>;

/// `failregex` and its kin, with what is to be put in put in.
pub fn fail2ban(root: &Path) -> Vec<Vec<u8>> {
    let dir = root.join("etc/fail2ban/filter.d");
    let mut found = Vec::new();
    for file in files(&dir) {
        let mut settings = Settings::new();
        read_settings(&file, &mut settings);
        for (name, value) in &settings {
            let regexes = [
                "failregex",
                "ignoreregex",
                "prefregex",
                "mdre-",
                "cmnfailre",
            ];
            if name.contains('/') || !regexes.iter().any(|start| name.starts_with(start)) {
                continue;
            }
            let filled = fill(value, &settings);
            let each = filled
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty());
            found.extend(each.map(tags).map(String::into_bytes));
        }
    }
    found
}

fn read_settings(file: &Path, settings: &mut Settings) {
    let Ok(text) = std::fs::read_to_string(file) else {
        return;
    };
    let before = text.lines().find_map(|line| line.strip_prefix("before = "));
    if let Some(before) = before {
        read_settings(&file.with_file_name(before.trim()), settings);
    }
    let (mut section, mut last) = (String::new(), None::<String>);
    for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end().trim_end_matches(']').to_owned();
            last = None;
        } else if line.starts_with([' ', '\t']) {
            if let Some(name) = &last {
                for name in [name.clone(), format!("{section}/{name}")] {
                    let value = settings.entry(name).or_default();
                    value.push('\n');
                    value.push_str(line.trim());
                }
            }
        } else if let Some((name, value)) = line.split_once('=') {
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            settings.insert(format!("{section}/{name}"), value.clone());
            settings.insert(name.clone(), value);
            last = Some(name);
        }
    }
}

/// Puts in `%(name)s` and `<name>`, from the inside out.
fn fill(value: &str, settings: &Settings) -> String {
    let interpolation = regex::Regex::new(r"%\(([^()]+)\)s").unwrap();
    let tag = regex::Regex::new(r"<([\w./-]+)>").unwrap();
    let mut text = value.to_owned();
    for _ in 0..12 {
        let put = |found: &regex::Captures<'_>| match settings.get(&found[1]) {
            Some(value) => value.clone(),
            None => found[0].to_owned(),
        };
        let before = text.clone();
        text = interpolation.replace_all(&text, put).into_owned();
        text = tag.replace_all(&text, put).into_owned();
        if text == before {
            break;
        }
    }
    text.replace("%%", "%")
}

/// `<HOST>`, `<F-USER>...</F-USER>` and their kin as groups.
fn tags(text: &str) -> String {
    const HOST: &str = r"(?:(?P<ip4>\d{1,3}(?:\.\d{1,3}){3})|\[?(?P<ip6>[0-9a-fA-F:]{3,39})\]?|(?P<dns>[\w.-]*\w))";
    let name = |name: &str| {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        name.chars().map(plain).collect::<String>()
    };
    let tag =
        regex::Regex::new(r"<(/?)(HOST|ADDR|IP4|IP6|DNS|CIDR|SUBNET|SKIPLINES|F-[\w-]+)(/?)>")
            .unwrap();
    let put = |found: &regex::Captures<'_>| match (&found[1], &found[2], &found[3]) {
        ("/", _, _) => ")".to_owned(),
        (_, "HOST" | "ADDR", _) => HOST.to_owned(),
        (_, "SKIPLINES", _) => ".*".to_owned(),
        (_, field, "") if field.starts_with("F-") => format!("(?P<{}>", name(field)),
        (_, field, _) => format!(r"(?P<{}>\S+)", name(field)),
    };
    tag.replace_all(text, put).into_owned()
}
