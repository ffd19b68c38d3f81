//! Names, valid by construction.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    str::FromStr,
    sync::Arc,
};

use thiserror::Error;

/// The name of a user: 1 to 32 letters, digits, and characters of ``_-.[]{}\|^` ``, not beginning with `-` or `.`.
///
/// Letters and digits are Unicode's (the properties Alphabetic and Numeric). A name keeps the case in
/// which it was given, but two names that differ only in case are the same name: they compare equal and
/// only one of them can be taken. Parsing is the only way to make one, so a `UserName` is always valid.
/// A clone shares the text.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::UserName;
///
/// let ada: UserName = "Ada".parse()?;
/// assert_eq!(ada.as_str(), "Ada");
/// assert_eq!(ada, "ADA");
/// assert!("Ada Lovelace".parse::<UserName>().is_err());
/// # Ok::<(), chinwag::NameError>(())
/// ```
#[derive(Clone)]
pub struct UserName(Arc<str>);

/// The name of a room: `#`, and 1 to 63 letters, digits, `_`, `-` and `.`, beginning with a letter or digit.
///
/// All else that is said of a [`UserName`] holds for it as well.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::RoomName;
///
/// let lobby: RoomName = "#Lobby".parse()?;
/// assert_eq!(lobby, "#LOBBY");
/// assert!("lobby".parse::<RoomName>().is_err());
/// # Ok::<(), chinwag::NameError>(())
/// ```
#[derive(Clone)]
pub struct RoomName(Arc<str>);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    #[error("a name has at least one character")]
    Empty,
    /// It has more characters than a name may have.
    #[error("a name has at most {0} characters")]
    TooLong(usize),
    /// It begins with something that no such name may begin with.
    #[error("a name begins with a letter or a digit, not with that mark")]
    BadStart,
    /// It has a character that no such name may have.
    #[error("a name has only letters, digits, and marks such as '_', '-' and '.'")]
    BadCharacter,
    /// It is to be the name of a room, and has no `#` before it.
    #[error("the name of a room begins with '#'")]
    NoHash,
}

/// What both kinds of names have in common.
pub(crate) trait Name: Clone {
    fn as_str(&self) -> &str;
}

impl UserName {
    /// The most characters (Unicode scalar values) of a name; at four bytes each, at most 128 bytes.
    pub const MAX_CHARS: usize = 32;
}

impl RoomName {
    /// The most characters (Unicode scalar values) of a name, the `#` not counted; at four bytes each, at
    /// most 253 bytes with it.
    pub const MAX_CHARS: usize = 63;
}

impl FromStr for UserName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text, Self::MAX_CHARS, |c| USUAL_ON_IRC.contains(c))?;
        Ok(Self(text.into()))
    }
}

impl FromStr for RoomName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.strip_prefix('#').ok_or(NameError::NoHash)?;
        check(name, Self::MAX_CHARS, |_| false)?;
        Ok(Self(text.into()))
    }
}

/// What names of users have had since there is IRC, also as their first character.
const USUAL_ON_IRC: &str = "_[]{}\\|^`";

fn check(text: &str, max_chars: usize, is_letter: impl Fn(char) -> bool) -> Result<(), NameError> {
    let mut count = 0;
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || is_letter(c) => {}
            '_' | '-' | '.' if count > 0 => {}
            '_' | '-' | '.' => return Err(NameError::BadStart),
            _ => return Err(NameError::BadCharacter),
        }
        count += 1;
        if count > max_chars {
            return Err(NameError::TooLong(max_chars));
        }
    }
    match count {
        0 => Err(NameError::Empty),
        _ => Ok(()),
    }
}

macro_rules! name {
    ($Name:ident) => {
        impl $Name {
            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Name for $Name {
            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $Name {
            fn eq(&self, other: &Self) -> bool {
                same_name(&self.0, &other.0)
            }
        }

        impl Eq for $Name {}

        impl std::hash::Hash for $Name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                hash_folded(&self.0, state);
            }
        }

        impl PartialEq<str> for $Name {
            /// Whether `text` is this name, in whatever case.
            fn eq(&self, text: &str) -> bool {
                same_name(&self.0, text)
            }
        }

        impl PartialEq<&str> for $Name {
            /// Whether `text` is this name, in whatever case.
            fn eq(&self, text: &&str) -> bool {
                same_name(&self.0, text)
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $Name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name!(UserName);
name!(RoomName);

/// The hash of `text` taken as a name: equal for names that differ only in case.
pub(crate) fn name_hash(hasher: &impl BuildHasher, text: &str) -> u64 {
    let mut state = hasher.build_hasher();
    hash_folded(text, &mut state);
    state.finish()
}

/// Whether two texts are one name, if they are names.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    // Most write a name as its owner does.
    if a == b {
        true
    } else if a.is_ascii() && b.is_ascii() {
        a.eq_ignore_ascii_case(b)
    } else {
        a.chars().flat_map(fold).eq(b.chars().flat_map(fold))
    }
}

fn hash_folded(text: &str, state: &mut impl Hasher) {
    let mut ascii = [0; 1 + RoomName::MAX_CHARS];
    match ascii.get_mut(..text.len()) {
        Some(ascii) if text.is_ascii() => {
            ascii.copy_from_slice(text.as_bytes());
            ascii.make_ascii_lowercase();
            state.write(ascii);
        }
        // In one piece as well: equal names must hash alike whatever the hasher makes of pieces.
        _ => state.write(text.chars().flat_map(fold).collect::<String>().as_bytes()),
    }
}

/// The letters that stand for `c` when case is not looked at.
///
/// Down, up and down again, because neither direction alone joins every pair: `ς` and `σ` meet at the
/// capital, `ẞ` and `ß` at `ss`.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasherDefault;

    use super::*;

    fn name(text: &str) -> Result<UserName, NameError> {
        text.parse()
    }

    #[test]
    fn good_names() {
        for good in [
            "a",
            "7",
            "alice",
            "Ada.Lovelace_1-2",
            "Łukasz",
            "花子",
            "٣",
            "_a",
            "[ada]|{away}^`\\",
            &"x".repeat(32),
            &"花".repeat(32),
        ] {
            assert_eq!(name(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn bad_names() {
        use NameError::*;
        for (bad, why) in [
            ("", Empty),
            (".", BadStart),
            ("-a", BadStart),
            ("a b", BadCharacter),
            ("#room", BadCharacter),
            ("a,b", BadCharacter),
            ("a\n", BadCharacter),
            ("a\0", BadCharacter),
            ("crab🦀", BadCharacter),
            (&"x".repeat(33), TooLong(32)),
            (&"花".repeat(33), TooLong(32)),
        ] {
            assert_eq!(name(bad).unwrap_err(), why, "{bad:?}");
        }
    }

    #[test]
    fn rooms() {
        use NameError::*;
        let room = |text: &str| text.parse::<RoomName>();
        let longest = format!("#{}", "花".repeat(63));
        for good in ["#a", "#7", "#Łódź.dev-2_x", &longest] {
            assert_eq!(room(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", NoHash),
            ("lobby", NoHash),
            ("#", Empty),
            ("##a", BadCharacter),
            ("#-a", BadStart),
            ("#_a", BadStart),
            ("#a|b", BadCharacter),
            ("#a b", BadCharacter),
            (&format!("#{}", "x".repeat(64)), TooLong(63)),
        ] {
            assert_eq!(room(bad).unwrap_err(), why, "{bad:?}");
        }
        assert_eq!(room("#ΟΔΟΣ"), room("#οδος"));
    }

    #[test]
    fn case_is_not_looked_at() {
        /// Tells pieces apart, which the hasher of the standard library does not.
        #[derive(Default)]
        struct Pieces(u64);

        impl Hasher for Pieces {
            fn write(&mut self, piece: &[u8]) {
                let sum: u64 = piece.iter().map(|&byte| u64::from(byte)).sum();
                self.0 = self.0 * 31 + sum;
            }

            fn finish(&self) -> u64 {
                self.0
            }
        }

        let hasher = BuildHasherDefault::<Pieces>::default();
        for (a, b) in [
            ("alice", "ALICE"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "οδος"),
            ("Łukasz", "łUKASZ"),
        ] {
            assert_eq!(name(a), name(b));
            assert_eq!(name_hash(&hasher, a), name_hash(&hasher, b), "{a} {b}");
        }
        assert_ne!(name("alice"), name("alicia"));
    }

    /// Every character of Unicode folds like its capital and its small letter do.
    #[test]
    fn folding_joins_every_case_pair() {
        let folded = |text: &str| text.chars().flat_map(fold).collect::<String>();
        for c in (0..=char::MAX as u32).filter_map(char::from_u32) {
            let this = folded(&c.to_string());
            assert_eq!(this, folded(&c.to_lowercase().to_string()), "{c:?}");
            assert_eq!(this, folded(&c.to_uppercase().to_string()), "{c:?}");
            assert_eq!(this, folded(&this), "{c:?}");
        }
    }
}
