//! Faults of a Redis server, in words for its admin.

use redis::RedisError;

/// Number of characters told of a server's own words.
const MOST_WORDS: usize = 200;

/// A fault as the server says it.
pub(super) struct Fault {
    code: Option<String>,
    text: String,
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        let code = error.code().map(Into::into);
        let text = error.to_string();
        // All commands of a pipeline tend to fail for the same reason.
        match error.into_server_errors().as_deref() {
            Some([(_, first), ..]) => Self {
                code: Some(first.code().into()),
                text: format!("{} {}", first.code(), first.details().unwrap_or_default()),
            },
            _ => Self { code, text },
        }
    }
}

impl Fault {
    pub(super) fn is_full(&self) -> bool {
        self.code.as_deref() == Some("OOM") || self.text.contains("OOM")
    }

    /// The fault in one line, which says what to do where that is known.
    pub(super) fn words(&self) -> String {
        // It is the server's text: it may be long, and steer a terminal.
        let text: String = self.text.chars().take(MOST_WORDS).collect();
        let text = text.replace(|c: char| c.is_control(), " ");
        match self.code.as_deref() {
            Some("WRONGTYPE") => format!("the key holds no list ({text})"),
            Some("NOAUTH") => format!("it wants a password: redis://:PASSWORD@HOST:PORT ({text})"),
            _ if self.is_full() => format!("its memory is full ({text})"),
            _ if text.contains("unknown command") => {
                format!("Redis 6.2 or newer is needed ({text})")
            }
            _ => text,
        }
    }
}

/// Whether the server refused something for want of memory.
pub(super) fn out_of_memory(fault: &RedisError) -> bool {
    Fault::from(fault.clone()).is_full()
}
