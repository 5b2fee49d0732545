//! "Did you mean …?": the nearest word of a closed set.

/// The nearest of `words`, if it is near enough to have been meant.
pub fn nearest<'a>(word: &[u8], words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody means a word of forty letters, and the comparison is quadratic.
    if word.is_empty() || word.len() > 40 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    words
        .into_iter()
        .map(|candidate| {
            (
                distance(&word, candidate.to_ascii_lowercase().as_bytes()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= candidate.len().min(word.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint for the nearest word.
pub fn did_you_mean<'a>(word: &[u8], words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, words).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The least number of bytes to insert, remove, replace or swap with their neighbour.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let width = b.len() + 1;
    let mut table: Vec<usize> = (0..(a.len() + 1) * width)
        .map(|i| if i < width { i } else { 0 })
        .collect();
    for i in 1..=a.len() {
        table[i * width] = i;
        for j in 1..=b.len() {
            let replaced = table[(i - 1) * width + j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced
                .min(table[(i - 1) * width + j] + 1)
                .min(table[i * width + j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(table[(i - 2) * width + j - 2] + 1);
            }
            table[i * width + j] = least;
        }
    }
    table[a.len() * width + b.len()]
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
