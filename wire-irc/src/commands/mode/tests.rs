use super::*;

fn changes<'a>(letters: &'a str, params: &[&'a str]) -> Vec<(bool, char, Option<&'a str>)> {
    Changes::new(letters, params)
        .map(|Change { on, letter, param }| (on, letter, param))
        .collect()
}

#[test]
fn each_letter_takes_the_param_that_it_has() {
    assert_eq!(
        changes("+ov-l+l-kb", &["ada", "bob", "7", "*", "a!*@*"]),
        [
            (true, 'o', Some("ada")),
            (true, 'v', Some("bob")),
            (false, 'l', None),
            (true, 'l', Some("7")),
            (false, 'k', Some("*")),
            (false, 'b', Some("a!*@*")),
        ]
    );
    assert_eq!(
        changes("bn-x", &[]),
        [(true, 'b', None), (true, 'n', None), (false, 'x', None)]
    );
    assert_eq!(changes("+-", &["a"]), []);
}
