//! Somebody in the chat, as others see them.

use std::{fmt, hash::Hash, net::IpAddr, str::FromStr, sync::Arc};

use super::{NameError, UserName};

/// Somebody in the chat: their name, where they are, and what they say of themselves.
///
/// Events have it as it was when they happened. Two are equal if they have the same name, and a clone shares all of it.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::Person;
///
/// let ada: Person = "Ada".parse()?;
/// assert_eq!(ada, "ada");
/// assert_eq!(ada.to_string(), "Ada");
/// assert_eq!(ada.address(), None);
/// # Ok::<(), chinwag::NameError>(())
/// ```
#[derive(Clone)]
pub struct Person(Arc<Inner>);

struct Inner {
    name: UserName,
    address: Option<IpAddr>,
    profile: Option<Arc<Profile>>,
}

/// What somebody says of themselves, on wires that have words for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Profile {
    /// What they are called where they come from. Nobody has checked it.
    pub login: Box<str>,
    /// Their name in full, or whatever else.
    pub real_name: Box<str>,
    /// The account whose secret they know.
    pub account: Option<UserName>,
    /// They are a program, and say so.
    pub bot: bool,
}

impl Person {
    pub(crate) fn new(
        name: UserName,
        address: Option<IpAddr>,
        profile: Option<Arc<Profile>>,
    ) -> Self {
        Self(Arc::new(Inner {
            name,
            address,
            profile,
        }))
    }

    /// The same one by another name.
    pub(crate) fn renamed(&self, name: UserName) -> Self {
        Self::new(name, self.0.address, self.0.profile.clone())
    }

    /// What they are called.
    pub fn name(&self) -> &UserName {
        &self.0.name
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        self.0.name.as_str()
    }

    /// From where they are connected, if that is an IP address; in-process users and those on Unix sockets have none.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// What they say of themselves, if their wire has words for that.
    pub fn profile(&self) -> Option<&Profile> {
        self.0.profile.as_deref()
    }
}

impl From<UserName> for Person {
    /// One of whom nothing else is known.
    fn from(name: UserName) -> Self {
        Self::new(name, None, None)
    }
}

impl From<Person> for UserName {
    fn from(person: Person) -> Self {
        person.0.name.clone()
    }
}

impl FromStr for Person {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        name.parse().map(UserName::into)
    }
}

impl PartialEq for Person {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Person {}

impl Hash for Person {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq<UserName> for Person {
    fn eq(&self, name: &UserName) -> bool {
        self.0.name == *name
    }
}

impl PartialEq<str> for Person {
    /// Whether `name` is theirs, in whatever case.
    fn eq(&self, name: &str) -> bool {
        self.0.name == *name
    }
}

impl PartialEq<&str> for Person {
    /// Whether `name` is theirs, in whatever case.
    fn eq(&self, name: &&str) -> bool {
        self.0.name == **name
    }
}

impl AsRef<str> for Person {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.name.fmt(f)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.name, f)
    }
}
