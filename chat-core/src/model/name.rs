//! Names, valid by construction.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    str::FromStr,
    sync::Arc,
};

use thiserror::Error;

/// The name of a user: 1 to 32 letters, digits, `_`, `-` and `.`, beginning with a letter or digit.
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

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    #[error("a name has at least one character")]
    Empty,
    /// It has more than [`UserName::MAX_CHARS`] characters.
    #[error("a name has at most {} characters", UserName::MAX_CHARS)]
    TooLong,
    /// It begins with something else than a letter or digit.
    #[error("a name begins with a letter or a digit")]
    BadStart,
    /// It has a character that no name may have.
    #[error("a name has only letters, digits, '_', '-' and '.'")]
    BadCharacter,
}

impl UserName {
    /// The most characters (Unicode scalar values) of a name; at four bytes each, at most 128 bytes.
    pub const MAX_CHARS: usize = 32;

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this name, in whatever case.
    pub(crate) fn is(&self, text: &str) -> bool {
        same_name(&self.0, text)
    }
}

impl FromStr for UserName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut count = 0;
        for c in text.chars() {
            match c {
                c if c.is_alphanumeric() => {}
                '_' | '-' | '.' if count > 0 => {}
                '_' | '-' | '.' => return Err(NameError::BadStart),
                _ => return Err(NameError::BadCharacter),
            }
            count += 1;
            if count > Self::MAX_CHARS {
                return Err(NameError::TooLong);
            }
        }
        match count {
            0 => Err(NameError::Empty),
            _ => Ok(Self(text.into())),
        }
    }
}

impl PartialEq for UserName {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for UserName {}

impl std::hash::Hash for UserName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_folded(&self.0, state);
    }
}

impl PartialEq<str> for UserName {
    /// Whether `text` is this name, in whatever case.
    fn eq(&self, text: &str) -> bool {
        self.is(text)
    }
}

impl PartialEq<&str> for UserName {
    /// Whether `text` is this name, in whatever case.
    fn eq(&self, text: &&str) -> bool {
        self.is(text)
    }
}

impl AsRef<str> for UserName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for UserName {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        text.parse()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The hash of `text` taken as a name: equal for names that differ only in case.
pub(crate) fn name_hash(hasher: &impl BuildHasher, text: &str) -> u64 {
    let mut state = hasher.build_hasher();
    hash_folded(text, &mut state);
    state.finish()
}

fn same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        a.eq_ignore_ascii_case(b)
    } else {
        a.chars().flat_map(fold).eq(b.chars().flat_map(fold))
    }
}

fn hash_folded(text: &str, state: &mut impl Hasher) {
    let mut ascii = [0; UserName::MAX_CHARS];
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
            ("_a", BadStart),
            (".", BadStart),
            ("-a", BadStart),
            ("a b", BadCharacter),
            ("#room", BadCharacter),
            ("a,b", BadCharacter),
            ("a\n", BadCharacter),
            ("a\0", BadCharacter),
            ("crab🦀", BadCharacter),
            (&"x".repeat(33), TooLong),
            (&"花".repeat(33), TooLong),
        ] {
            assert_eq!(name(bad).unwrap_err(), why, "{bad:?}");
        }
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
