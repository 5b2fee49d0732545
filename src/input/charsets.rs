//! The `set charset` of the configuration in force, which the threads of inputs share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::charset::{Charset, Coding};
use crate::config::{Charsets, Config};

/// The `set charset` of the configuration in force. The inputs that hold it hear of a reload.
#[derive(Clone, Debug, Default)]
pub struct SharedCharsets(Arc<RwLock<Arc<Charsets>>>);

impl SharedCharsets {
    /// The `set charset` of a configuration.
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config.charsets.clone()))))
    }

    /// Takes the `set charset` of another configuration, for all inputs that hold this one.
    pub fn set(&self, config: &Config) {
        let charsets = Arc::new(config.charsets.clone());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = charsets;
    }

    /// The `set charset` in force now.
    pub fn now(&self) -> Arc<Charsets> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The `set charset` of a stream of lines: a fifo, or a program that reads logs.
#[derive(Clone, Debug, Default)]
pub struct StreamCharset {
    charsets: SharedCharsets,
    /// The fifo, or the logs that the program reads.
    paths: Vec<PathBuf>,
}

impl StreamCharset {
    /// The set of a stream with the lines of these paths.
    pub fn new(charsets: SharedCharsets, paths: Vec<PathBuf>) -> Self {
        Self { charsets, paths }
    }

    /// How the stream is read now: if its paths are of different sets, as sources without one of their own.
    pub fn coding(&self) -> Coding {
        let charsets = self.charsets.now();
        let mut sets = self.paths.iter().map(|path| charsets.of_path(path));
        let first = sets.next().unwrap_or(charsets.default);
        let one = sets.all(|set| set == first);
        let charset = if one { first } else { charsets.default };
        charset.map_or(Coding::Bytes, Charset::of_text)
    }
}
