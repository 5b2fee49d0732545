//! The settings of a site of several consoles: `set site`, `site_wait`, `site_giveup`, `site_console`.

use std::path::PathBuf;

use super::diagnostic::shown;
use super::grammar::Fragment;
use super::model::{BoardAddress, ConsoleName, SiteName};
use super::redis_server::RedisServer;
use super::reporter::Located;
use super::setter::{Read, Setter};
use super::silence::duration_of;

impl<'l> Setter<'_, 'l> {
    /// `set site NAME URL [mirror]`
    pub(super) fn site(&mut self) -> Read<'l, ()> {
        let (name, rest) = self.value.word();
        let (url, rest) = rest.word();
        if name.is_empty() || url.is_empty() {
            return Err(self.missing());
        }
        let site = name.utf8().and_then(SiteName::new).ok_or_else(|| {
            let message = format!("`{}` is no name of a site", shown(name.text));
            Located::new(name, message, "use letters, digits, `-` and `_`")
        })?;
        let board = self.board(url)?;
        let (mirror, rest) = rest.word();
        if !mirror.is_empty() && mirror.text != b"mirror" {
            let message = format!("`{}` has no meaning here", shown(mirror.text));
            return Err(Located::new(mirror, message, "write `mirror`, or nothing"));
        }
        self.draft.warn_words(self.line, self.word, rest);
        let mirror = !mirror.is_empty();
        let location = self.line.at(name);
        self.draft.site.site = Some((site, board, mirror, location));
        Ok(())
    }

    /// The address of a board.
    fn board(&self, url: Fragment<'l>) -> Read<'l, BoardAddress> {
        self.without_nul(url)?;
        let text = url.utf8().unwrap_or_default();
        let board = match text.strip_prefix("file://") {
            Some(path) => Some(PathBuf::from(path))
                .filter(|path| path.is_absolute())
                .map(BoardAddress::Directory),
            None => Some(text)
                .filter(|text| text.contains("://"))
                .and_then(RedisServer::parse)
                .map(BoardAddress::Redis),
        };
        board.ok_or_else(|| {
            // The text may hold a password.
            let message = "this is no address of a board";
            let hint = "write redis://HOST, redis://:PASSWORD@HOST:PORT/DB, rediss://… for TLS, unix:///SOCKET, or \
                        file:///DIRECTORY";
            Located::new(url, message, hint)
        })
    }

    /// `set site_wait DURATION`
    pub(super) fn site_wait(&mut self) -> Read<'l, ()> {
        self.draft.site.wait = self.word().and_then(duration_of)?;
        Ok(())
    }

    /// `set site_giveup DURATION`
    pub(super) fn site_giveup(&mut self) -> Read<'l, ()> {
        self.draft.site.giveup = self.word().and_then(duration_of)?;
        Ok(())
    }

    /// `set site_console NAME`
    pub(super) fn site_console(&mut self) -> Read<'l, ()> {
        let word = self.word()?;
        let name = word.utf8().and_then(ConsoleName::new).ok_or_else(|| {
            let message = format!("`{}` is no name of a console", shown(word.text));
            Located::new(word, message, "use letters, digits, `-`, `_` and `.`")
        })?;
        self.draft.site.console = Some(name);
        Ok(())
    }
}
