//! The expiry of letters: the letters of days before a given day are removed.

use std::fs;
use std::io;
use std::path::Path;

use chrono::NaiveDate;

use super::INDEX;
use super::name::LetterName;

/// The number of letters that one call removes at most: a delivery waits for the call, and the next day brings the next
/// call.
const MOST: usize = 20_000;

/// The day of the newest letter of the days before `today`; nothing if there is none.
///
/// # Errors
/// A directory cannot be read.
pub(super) fn newest_before(archive: &Path, today: NaiveDate) -> io::Result<Option<NaiveDate>> {
    for year in directories(archive, 4)?.into_iter().rev() {
        let years = archive.join(format!("{year:04}"));
        let year = i32::try_from(year).unwrap_or(0);
        for month in directories(&years, 2)?.into_iter().rev() {
            let mut newest = None;
            for file in fs::read_dir(years.join(format!("{month:02}")))? {
                let name = file?.file_name();
                let name = name
                    .to_str()
                    .and_then(|name| LetterName::of_file(year, month, name));
                let day = name.map(|name| name.day()).filter(|day| *day < today);
                newest = newest.max(day);
            }
            if newest.is_some() {
                return Ok(newest);
            }
        }
    }
    Ok(None)
}

/// Removes the letters of days before `first`, and the directories that are empty then. Gives whether all of these
/// letters are gone.
///
/// # Errors
/// A directory cannot be read, or a letter cannot be removed.
pub(super) fn remove_before(archive: &Path, first: NaiveDate) -> io::Result<bool> {
    let mut left = MOST;
    for year in directories(archive, 4)? {
        let years = archive.join(format!("{year:04}"));
        for month in directories(&years, 2)? {
            let year = i32::try_from(year).unwrap_or(0);
            let begins = NaiveDate::from_ymd_opt(year, month, 1);
            if begins.is_none_or(|begins| begins >= first) {
                continue;
            }
            let path = years.join(format!("{month:02}"));
            let kept = remove_letters(&path, (year, month), first, &mut left)?;
            if left == 0 {
                return Ok(false);
            }
            if kept == 0 {
                absent_is_good(fs::remove_file(path.join(INDEX)))?;
                remove_empty(&path)?;
            }
        }
        remove_empty(&years)?;
    }
    Ok(true)
}

/// Removes the letters of a month before a day. Gives the number of letters that stay.
fn remove_letters(
    path: &Path,
    (year, month): (i32, u32),
    first: NaiveDate,
    left: &mut usize,
) -> io::Result<usize> {
    let mut kept = 0;
    for file in fs::read_dir(path)? {
        let file = file?;
        let name = file.file_name();
        let name = name
            .to_str()
            .and_then(|name| LetterName::of_file(year, month, name));
        match name {
            Some(name) if name.day() < first && *left > 0 => {
                absent_is_good(fs::remove_file(file.path()))?;
                *left -= 1;
            }
            Some(_) => kept += 1,
            None => {}
        }
    }
    Ok(kept)
}

/// The directories whose names are numbers of `digits` digits, the least first. A link is no directory.
fn directories(path: &Path, digits: usize) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().filter(|name| name.len() == digits);
        let good = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(number) = good.and_then(|name| name.parse().ok())
            && entry.file_type()?.is_dir()
        {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes a directory if nothing is in it.
fn remove_empty(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => absent_is_good(removed),
    }
}

fn absent_is_good(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_letter_of_an_earlier_day_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let newest = |day: &str| newest_before(dir.path(), day.parse().unwrap()).unwrap();
        assert_eq!(newest("2026-12-01"), None);
        for path in [
            "2025/12/31-1230-a.txt.gz",
            "2026/11/01-0000-a.txt.gz",
            "2026/11/09-0000-a.txt.gz",
            "2026/12/index",
            "2036/01/01-0000-a.txt.gz",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let day = |text: &str| text.parse().ok();
        assert_eq!(newest("2036-01-02"), day("2036-01-01"));
        assert_eq!(newest("2036-01-01"), day("2026-11-09"));
        assert_eq!(newest("2026-11-09"), day("2026-11-01"));
        assert_eq!(newest("2026-11-01"), day("2025-12-31"));
    }

    #[test]
    fn letters_go_by_their_days_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        let is = |path: &str| dir.path().join(path).exists();
        let letters = [
            "2025/12/31-1230-a.txt.gz",
            "2026/01/01-0000-a.txt.gz",
            "2026/02/09-2359-a.txt.gz",
            "2026/02/10-0000-a.txt.gz",
            "2026/03/01-0000-a.txt.gz",
        ];
        for path in letters.into_iter().chain([
            "2025/12/index",
            "2026/01/index",
            "2026/01/notes",
            "2026/02/index",
            "other/01/01-0000-a.txt.gz",
            "2024",
        ]) {
            put(path);
        }
        let first = NaiveDate::from_ymd_opt(2026, 2, 10).unwrap();
        assert!(remove_before(dir.path(), first).unwrap());
        let left: Vec<bool> = letters.into_iter().map(is).collect();
        assert_eq!(left, [false, false, false, true, true]);
        assert!(!is("2025"), "an empty year");
        assert!(is("2026/01/notes") && !is("2026/01/index"));
        assert!(is("2026/02/index") && is("other/01/01-0000-a.txt.gz"));
        assert!(remove_before(dir.path(), first).unwrap());
    }
}
