//! Somebody in the chat, as others see them.

use std::{borrow::Cow, fmt, hash::Hash, net::IpAddr, str::FromStr, sync::Arc};

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
    away: Option<Arc<str>>,
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
    /// They are an operator of the chat.
    pub operator: bool,
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
            away: None,
        }))
    }

    /// The same one by another name.
    pub(crate) fn renamed(&self, name: UserName) -> Self {
        self.but(|person| person.name = name)
    }

    /// The same one, away or back.
    pub(crate) fn with_away(&self, away: Option<Arc<str>>) -> Self {
        self.but(|person| person.away = away)
    }

    /// The same one, who says something else of themselves.
    pub(crate) fn described(&self, change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = self.profile().cloned().unwrap_or_default();
        change(&mut profile);
        self.but(|person| person.profile = Some(Arc::new(profile)))
    }

    fn but(&self, change: impl FnOnce(&mut Inner)) -> Self {
        let Inner {
            name,
            address,
            profile,
            away,
        } = &*self.0;
        let mut inner = Inner {
            name: name.clone(),
            address: *address,
            profile: profile.clone(),
            away: away.clone(),
        };
        change(&mut inner);
        Self(Arc::new(inner))
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

    /// Why they are away, if they are.
    pub fn away(&self) -> Option<&Arc<str>> {
        self.0.away.as_ref()
    }

    /// What they are called where they come from, or `u` if they have not said.
    pub fn login(&self) -> &str {
        let login = self.profile().map(|profile| &*profile.login);
        login.filter(|login| !login.is_empty()).unwrap_or("u")
    }

    /// Their address as text that does not begin with a colon, or `localhost` if they have none.
    pub fn host(&self) -> Cow<'static, str> {
        match self.0.address {
            None => Cow::Borrowed("localhost"),
            Some(address) => {
                let text = address.to_string();
                match text.starts_with(':') {
                    true => Cow::Owned(format!("0{text}")),
                    false => Cow::Owned(text),
                }
            }
        }
    }

    /// Whether they are an operator of the chat.
    pub fn is_operator(&self) -> bool {
        self.profile().is_some_and(|profile| profile.operator)
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
