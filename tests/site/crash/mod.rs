//! No line lost, none counted twice, whatever happens to the daemon: `kill -9` at random moments,
//! rotation, a failing mail server, a full disk. The real program with `--state-dir`, real files, a
//! mail server of our own.

mod bundle;
mod chaos;
mod deaths;
mod ending;
mod first;
mod letters;
mod news;
mod records;
mod redis;
mod restart;
mod server;
pub mod site;
mod small_disk;
mod trends;
