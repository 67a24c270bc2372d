//! Words: slugs for ids and the nearest known name.

/// `Kitchen Ceiling` → `kitchen_ceiling`: what ids are made of, as Home Assistant makes them
/// (transliterated to ASCII, everything else than letters and digits becomes one `_`).
pub fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    let mut gap = false;
    for c in deunicode::deunicode(name).chars() {
        if c.is_ascii_alphanumeric() {
            if gap && !slug.is_empty() {
                slug.push('_');
            }
            gap = false;
            slug.push(c.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
    slug
}

/// The (at most three) known words nearest to what was said, nearest first.
pub fn nearest<'a>(said: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(said, word), word))
        .filter(|(score, _)| *score >= 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, word)| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_ascii_words_joined_by_underscores() {
        for (name, slug_of_it) in [
            ("Kitchen Ceiling", "kitchen_ceiling"),
            ("Terrasse été", "terrasse_ete"),
            ("  a--b  ", "a_b"),
            ("L'entrée", "l_entree"),
            ("!!!", ""),
        ] {
            assert_eq!(slug(name), slug_of_it, "{name}");
        }
    }
}
