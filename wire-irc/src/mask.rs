//! Masks: patterns for users, such as `*!*@*.example.org`.

#[cfg(test)]
mod tests;

use std::fmt;

/// The most bytes of a mask, as it is given. The time that matching takes grows with it.
pub(crate) const MAX_MASK: usize = 256;

/// A pattern for `nick!user@host` in which `*` stands for any characters, none included, and `?` for any one.
///
/// It follows the section *Wildcard Expressions* of Modern IRC, except that a backslash is a character like any
/// other, as it is in most servers: no name here holds a `*` or a `?` that somebody could want to escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mask<'a> {
    nick: &'a str,
    user: &'a str,
    host: &'a str,
}

/// Why a text is no mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaskError {
    /// It is empty.
    Empty,
    /// It is longer than [`MAX_MASK`].
    TooLong,
    /// It begins with a colon, or holds a space, NUL, CR or LF: no list of masks could be sent with it.
    Forbidden,
}

/// Which letters are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// The letters of ASCII, as in the names of hosts.
    Ascii,
    /// Those that are the same in the names of users and rooms. Whatever two names are one to the core, a mask
    /// matches both or neither of them, so `?` stands for one *folded* character, of which `ß` has two.
    Name,
}

impl<'a> Mask<'a> {
    /// Reads a mask. What is missing is completed: `nick` is `nick!*@*`, `nick!user` is `nick!user@*`,
    /// `user@host` is `*!user@host`, and a part that is empty is `*`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, MaskError> {
        if text.is_empty() {
            return Err(MaskError::Empty);
        }
        if text.len() > MAX_MASK {
            return Err(MaskError::TooLong);
        }
        if text.starts_with(':') || text.contains([' ', '\0', '\r', '\n']) {
            return Err(MaskError::Forbidden);
        }
        let (nick, userhost) = match text.split_once('!') {
            Some(split) => split,
            None if text.contains('@') => ("", text),
            None => (text, ""),
        };
        let (user, host) = userhost.rsplit_once('@').unwrap_or((userhost, ""));
        let or_any = |part: &'a str| if part.is_empty() { "*" } else { part };
        Ok(Self {
            nick: or_any(nick),
            user: or_any(user),
            host: or_any(host),
        })
    }

    /// Whether a user is meant.
    pub(crate) fn matches(&self, nick: &str, user: &str, host: &str) -> bool {
        matches(self.host, host, Fold::Ascii)
            && matches(self.nick, nick, Fold::Name)
            && matches(self.user, user, Fold::Ascii)
    }
}

impl fmt::Display for Mask<'_> {
    /// The whole mask, completed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}@{}", self.nick, self.user, self.host)
    }
}

/// Whether `pattern` stands for the whole of `text`.
pub(crate) fn matches(pattern: &str, text: &str, fold: Fold) -> bool {
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
        Fold::Name => glob(
            pattern.chars().flat_map(fold_name),
            text.chars().flat_map(fold_name),
        ),
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
fn glob<P, T>(mut pattern: P, mut text: T) -> bool
where
    P: Iterator<Item = char> + Clone,
    T: Iterator<Item = char> + Clone,
{
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
