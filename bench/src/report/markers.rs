//! The generated parts of a page, each between two comments that name it.

/// The page with another text between the markers of that name.
pub(super) fn replace(page: &str, name: &str, text: &str) -> Result<String, String> {
    let (begin, end) = (
        format!("<!-- bench:{name} -->"),
        format!("<!-- /bench:{name} -->"),
    );
    let from = only(page, &begin)? + begin.len();
    let to = only(page, &end)?;
    if to < from {
        return Err(format!("`{end}` stands before `{begin}`"));
    }
    let text = text.trim_end();
    Ok(format!("{}\n\n{text}\n\n{}", &page[..from], &page[to..]))
}

/// Where the marker is, of which there is one.
fn only(page: &str, marker: &str) -> Result<usize, String> {
    let mut places = page.match_indices(marker).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (None, _) => Err(format!("the marker `{marker}` is missing")),
        (Some(_), Some(_)) => Err(format!("the marker `{marker}` is there more than once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_changes_and_once_is_enough() {
        let page = "by hand\n<!-- bench:a -->\nold\n<!-- /bench:a -->\nby hand too\n";
        let once = replace(page, "a", "new\n").unwrap();
        let want = "by hand\n<!-- bench:a -->\n\nnew\n\n<!-- /bench:a -->\nby hand too\n";
        assert_eq!(once, want);
        assert_eq!(replace(&once, "a", "new").unwrap(), once);
    }

    #[test]
    fn a_missing_marker_is_named() {
        let error = replace("<!-- bench:a -->", "a", "").unwrap_err();
        assert_eq!(error, "the marker `<!-- /bench:a -->` is missing");
        let error = replace("", "goals", "").unwrap_err();
        assert_eq!(error, "the marker `<!-- bench:goals -->` is missing");
    }

    #[test]
    fn markers_in_disorder_are_refused() {
        assert!(replace("<!-- /bench:a --><!-- bench:a -->", "a", "").is_err());
        let twice = "<!-- bench:a --><!-- bench:a --><!-- /bench:a -->";
        assert!(
            replace(twice, "a", "")
                .unwrap_err()
                .contains("more than once")
        );
    }
}
