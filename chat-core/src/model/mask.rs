//! Masks: patterns for users, such as `*!*@*.example.org`.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use thiserror::Error;

use super::{Person, same_name};

/// The most bytes of a mask, as it is given. The time that matching takes grows with it.
const MAX_MASK: usize = 256;

/// A pattern for people, `name!login@host`, in which `*` stands for any characters, none included, and `?` for any one.
///
/// Names are compared as names are, logins and hosts without regard to the case of ASCII letters; see
/// [`Person::login`] and [`Person::host`]. Two masks are equal if they differ in nothing else.
///
/// It follows the section *Wildcard Expressions* of [Modern IRC](https://modern.ircdocs.horse), except that a
/// backslash is a character like any other: no name holds a `*` or a `?` that somebody could want to escape.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Mask, Person};
///
/// let ada: Person = "Ada".parse()?;
/// let mask: Mask = "a*".parse()?;
/// assert_eq!(mask.to_string(), "a*!*@*");
/// assert!(mask.matches(&ada));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Mask {
    text: Arc<str>,
    /// The name in it, in the letters that it is compared in, unless it is ASCII.
    folded: Option<Arc<str>>,
}

/// Why a text is no mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MaskError {
    /// It is empty.
    #[error("a mask has at least one character")]
    Empty,
    /// It is longer than that, in bytes.
    #[error("a mask has at most {0} bytes")]
    TooLong(usize),
    /// It begins with a colon, or holds a space, NUL, CR or LF.
    #[error("a mask has no spaces, and does not begin with a colon")]
    Forbidden,
}

/// Which letters are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    /// The letters of ASCII, as in the names of hosts.
    Ascii,
    /// Those that are the same in the names of users and rooms. Whatever two names are one, a mask
    /// matches both or neither of them, so `?` stands for one *folded* character, of which `ß` has two.
    Name,
}

/// The three parts of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts<'a> {
    name: &'a str,
    login: &'a str,
    host: &'a str,
}

impl Mask {
    /// Whether somebody is meant.
    pub fn matches(&self, person: &Person) -> bool {
        self.matches_looks(&Looks::of(person))
    }

    /// The same for somebody who is looked for in many masks.
    pub(crate) fn matches_looks(&self, looks: &Looks<'_>) -> bool {
        let Parts { name, login, host } = Parts::split(&self.text);
        matches(host, &looks.host, Fold::Ascii)
            && looks.name.matches(self.folded.as_deref().unwrap_or(name))
            && matches(login, looks.login, Fold::Ascii)
    }

    /// The whole mask, completed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name that is meant, if it is the name alone, and just one.
    pub(crate) fn only_name(&self) -> Option<&str> {
        let parts = Parts::split(&self.text);
        let is_plain = !parts.name.contains(['*', '?']);
        (is_plain && parts.login == "*" && parts.host == "*").then_some(parts.name)
    }
}

impl FromStr for Mask {
    type Err = MaskError;

    /// Reads a mask. What is missing is completed: `name` is `name!*@*`, `name!login` is `name!login@*`,
    /// `login@host` is `*!login@host`, and a part that is empty is `*`.
    fn from_str(text: &str) -> Result<Self, MaskError> {
        if text.is_empty() {
            return Err(MaskError::Empty);
        }
        if text.len() > MAX_MASK {
            return Err(MaskError::TooLong(MAX_MASK));
        }
        if text.starts_with(':') || text.contains([' ', '\0', '\r', '\n']) {
            return Err(MaskError::Forbidden);
        }
        let Parts { name, login, host } = Parts::split(text);
        let fold = |name: &str| name.chars().flat_map(fold_name).collect::<String>().into();
        Ok(Self {
            folded: (!name.is_ascii()).then(|| fold(name)),
            text: format!("{name}!{login}@{host}").into(),
        })
    }
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Self {
        let (name, rest) = match text.split_once('!') {
            Some(split) => split,
            None if text.contains('@') => ("", text),
            None => (text, ""),
        };
        let (login, host) = rest.rsplit_once('@').unwrap_or((rest, ""));
        let or_any = |part: &'a str| if part.is_empty() { "*" } else { part };
        Self {
            name: or_any(name),
            login: or_any(login),
            host: or_any(host),
        }
    }
}

/// Somebody as masks see them: made once, because to fold a name takes much longer than to compare it, and a room may
/// have hundreds of masks.
#[derive(Debug)]
pub(crate) struct Looks<'a> {
    name: Letters,
    login: &'a str,
    host: Cow<'static, str>,
}

impl<'a> Looks<'a> {
    pub(crate) fn of(person: &'a Person) -> Self {
        Self::new(person.as_str(), person.login(), person.host())
    }

    fn new(name: &str, login: &'a str, host: Cow<'static, str>) -> Self {
        let name = Letters::new(name);
        Self { name, login, host }
    }
}

/// The letters of a name, folded, and where each of them is.
#[derive(Debug)]
struct Letters {
    folded: String,
    /// For each letter, a bit for each place where it is. Sorted; nothing if there are too many places.
    places: Vec<(char, u128)>,
    /// The bit behind the last place.
    end: u128,
}

impl Letters {
    fn new(name: &str) -> Self {
        let folded: String = name.chars().flat_map(fold_name).collect();
        let (mut places, mut end) = (Vec::<(char, u128)>::new(), 1_u128);
        for letter in folded.chars() {
            if end.leading_zeros() == 0 {
                places.clear();
                end = 0;
                break;
            }
            match places.binary_search_by_key(&letter, |&(letter, _)| letter) {
                Ok(index) => places[index].1 |= end,
                Err(index) => places.insert(index, (letter, end)),
            }
            end <<= 1;
        }
        Self {
            folded,
            places,
            end,
        }
    }

    /// Whether `pattern`, which is folded or ASCII, stands for all of them. It keeps all places up to which what has
    /// been read of the pattern may reach, so that it reads it once.
    fn matches(&self, pattern: &str) -> bool {
        if self.end == 0 {
            return matches(pattern, &self.folded, Fold::Ascii);
        }
        let all = self.end | (self.end - 1);
        let mut reached = 1_u128;
        for letter in pattern.chars() {
            reached = match letter.to_ascii_lowercase() {
                // From the first one that is reached on.
                '*' => all & (reached | reached.wrapping_neg()),
                '?' => (reached << 1) & all,
                letter => (reached & self.places_of(letter)) << 1,
            };
            if reached == 0 {
                return false;
            }
        }
        reached & self.end != 0
    }

    fn places_of(&self, letter: char) -> u128 {
        let index = self
            .places
            .binary_search_by_key(&letter, |&(letter, _)| letter);
        index.map_or(0, |index| self.places[index].1)
    }
}

impl PartialEq for Mask {
    fn eq(&self, other: &Self) -> bool {
        same_name(&self.text, &other.text)
    }
}

impl Eq for Mask {}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

/// Whether `pattern`, with `*` and `?` as in a [`Mask`], stands for the whole of `text`, in whatever case.
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    matches(pattern, text, Fold::Name)
}

/// Whether `pattern` stands for the whole of `text`.
fn matches(pattern: &str, text: &str, fold: Fold) -> bool {
    if pattern.is_ascii() && text.is_ascii() {
        // Both ways to fold agree here.
        let folded = |byte: u8| char::from(byte.to_ascii_lowercase());
        return glob(pattern.bytes().map(folded), text.bytes().map(folded));
    }
    match fold {
        Fold::Ascii => {
            let folded = |c: char| c.to_ascii_lowercase();
            glob(pattern.chars().map(folded), text.chars().map(folded))
        }
        Fold::Name => {
            // Once: to fold takes much longer than to compare, and some letters are compared more than once.
            let fold = |text: &str| text.chars().flat_map(fold_name).collect::<String>();
            glob(fold(pattern).chars(), fold(text).chars())
        }
    }
}

/// The letters that stand for `c` in a name when case is not looked at: those that the core compares names by. It
/// makes neither a wildcard of a letter nor a letter of a wildcard.
fn fold_name(c: char) -> impl Iterator<Item = char> + Clone {
    c.to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// The same for what is folded.
///
/// Only the last star is ever given more of the text: what an earlier one could take would leave less for those
/// behind it. So however many stars there are, a character of the text is looked at no more often than there are
/// characters between two of them.
///
/// What is too long to match is not tried: a room may have hundreds of masks, and somebody who changes their name is
/// looked for in all of those of all their rooms.
fn glob<P, T>(mut pattern: P, mut text: T) -> bool
where
    P: Iterator<Item = char> + Clone,
    T: Iterator<Item = char> + Clone,
{
    if pattern.clone().filter(|c| *c != '*').count() > text.clone().count() {
        return false;
    }
    // What is behind the last star, and where in the text that is looked for.
    let mut star: Option<(P, T)> = None;
    loop {
        let expected = pattern.next();
        if expected == Some('*') {
            star = Some((pattern.clone(), text.clone()));
            continue;
        }
        match (expected, text.next()) {
            (None, None) => return true,
            // To give a star more would leave even less.
            (Some(_), None) => return false,
            (Some(expected), Some(found)) if expected == '?' || expected == found => {}
            _ => {
                let Some((behind, from)) = &mut star else {
                    return false;
                };
                from.next();
                (pattern, text) = (behind.clone(), from.clone());
            }
        }
    }
}
