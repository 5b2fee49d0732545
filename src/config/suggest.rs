//! "Did you mean …?": the nearest word of a closed set.

/// The hint for the word of `words` that is nearest to `word`, if one is near enough to have been meant.
pub fn did_you_mean<'a>(word: &[u8], words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, words).map(|nearest| format!("did you mean `{nearest}`?"))
}

fn nearest<'a>(word: &[u8], words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody means a word of forty letters, and the comparison is quadratic.
    if word.is_empty() || word.len() > 40 {
        return None;
    }
    let word = String::from_utf8_lossy(word).to_ascii_lowercase();
    words
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= candidate.len().min(word.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_meant() {
        let words = ["mailserver", "mailtimeout", "mask", "limit", "tail"];
        assert_eq!(nearest(b"mailsever", words), Some("mailserver"));
        assert_eq!(nearest(b"Limit", words), Some("limit"));
        assert_eq!(nearest(b"taill", words), Some("tail"));
        assert_eq!(nearest(b"tial", words), Some("tail"));
        assert_eq!(nearest(b"color", words), None);
        assert_eq!(nearest(b"a", ["b", "c"]), None);
        assert_eq!(nearest(&[b'm'; 1000], words), None);
    }
}
