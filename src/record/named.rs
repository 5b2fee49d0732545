//! Prefixes that are set by the name of a device (`set logprefix cisco`), beside the built-in ones and
//! patterns.

use std::borrow::Cow;
use std::os::unix::ffi::OsStringExt;
use std::sync::LazyLock;

use super::built_in::{rfc3339, traditional};
use super::forms;
use super::logprefix::by_patterns;
use super::parsed::{JsonForm, Parsed, Record};
use crate::config::LineSettings;
use crate::pattern::{Budget, Spans};

/// Takes the prefix off `line` as [`super::parse()`] does, where names are set.
#[cold]
pub(super) fn parse<'a>(
    line: &'a [u8],
    settings: &LineSettings,
    spans: &mut Spans,
    budget: &mut Budget,
) -> Parsed<'a> {
    let names = &settings.names[..];
    let written = line;
    let line = forms::without_priority(line);
    let built_in = |(host, start): (&'a [u8], usize)| {
        let rest = &line[start..];
        let headed = forms::named(rest, names);
        let headed = headed.filter(|headed| headed.message.len() < rest.len());
        Parsed::Record(Record {
            host: headed
                .as_ref()
                .and_then(|headed| headed.host)
                .unwrap_or(host),
            message: headed.map_or(Cow::Borrowed(rest), |headed| headed.message),
            json: JsonForm::No,
        })
    };
    let by_name = || {
        let headed = forms::named(line, names)?;
        Some(Parsed::Record(Record {
            host: headed.host.unwrap_or_else(|| this_host()),
            message: headed.message,
            json: JsonForm::No,
        }))
    };
    let traditional = traditional(line);
    let sure = traditional.filter(|(host, _)| !forms::is_year(host) && !forms::is_tag(host));
    let internet = || rfc3339(line).filter(|_| settings.rfc3339).map(built_in);
    sure.map(built_in)
        .or_else(by_name)
        .or_else(|| traditional.map(built_in))
        .or_else(|| by_patterns(written, &settings.prefixes, spans, budget))
        .or_else(internet)
        .unwrap_or(Parsed::NoPrefix)
}

/// The host of a line whose head names none: the name of this machine.
pub(super) fn this_host() -> &'static [u8] {
    static NAME: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let name = nix::unistd::gethostname().unwrap_or_default();
        name.into_vec()
    });
    &NAME
}

/// Whether structured data (RFC 5424 §6.3) of this line is left out of its message.
#[inline]
pub fn drops_structured(line: &[u8], settings: &LineSettings) -> bool {
    if settings.names.is_empty() {
        return false;
    }
    let line = forms::without_priority(line);
    let message = forms::structured(line, &settings.names);
    message.is_some_and(|message| message.structured.is_some()) && traditional(line).is_none()
}
