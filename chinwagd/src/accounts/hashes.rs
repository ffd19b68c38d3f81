//! Names with the hashes of their passwords: what is in an accounts file, and what `--oper` takes.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    str::FromStr,
    sync::Arc,
};

use argon2::{Params, password_hash::phc::PasswordHash};
use chinwag::UserName;
use serde::Deserialize;

/// The most memory that one hash may ask for, in KiB: the process ends if there is not so much.
const MAX_MEMORY: u32 = 1 << 20;

/// The most memory times passes.
const MAX_WORK: u64 = 1 << 22;

/// A name with the hash of its password, written `NAME:HASH`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Credential {
    name: UserName,
    hash: Arc<PasswordHash>,
}

impl FromStr for Credential {
    type Err = String;

    /// An error is without the text, which may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = "it is NAME:HASH; chinwagd hash-password NAME makes one";
        let (name, hash) = text.split_once(':').ok_or(form)?;
        let name = name.trim().parse().map_err(|error| format!("{error}"))?;
        let hash = hash.trim();
        if !hash.starts_with("$argon2id$") {
            return Err(format!(
                "after the name there is no argon2id hash; {form}, to be put in single \
                 quotes in a shell, where else its $ are lost"
            ));
        }
        let broken = || format!("the hash is broken; {form}");
        let hash = PasswordHash::new(hash).map_err(|_| broken())?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(broken());
        }
        let params = Params::try_from(&hash).map_err(|_| broken())?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MAX_MEMORY || work > MAX_WORK {
            return Err(format!(
                "the hash is too much work: m may be {MAX_MEMORY}, and m times t {MAX_WORK}"
            ));
        }
        let hash = Arc::new(hash);
        Ok(Self { name, hash })
    }
}

impl TryFrom<String> for Credential {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Debug for Credential {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// The names, each with the hash of its password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    all: HashMap<UserName, Arc<PasswordHash>>,
    /// The first of them.
    decoy: Option<Arc<PasswordHash>>,
}

impl Hashes {
    /// Reads `NAME:HASH` from each line that is neither empty nor a comment. An error comes with the number
    /// of its line, and without the line itself, which may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut hashes = Self::default();
        let mut numbers = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let credential: Credential = line.parse().map_err(|message| (number, message))?;
            let name = credential.name.clone();
            if let Err(name) = hashes.add(credential) {
                let before = numbers.get(&name).copied().unwrap_or_default();
                return Err((number, format!("{name} is on line {before} already")));
            }
            numbers.insert(name, number);
        }
        Ok(hashes)
    }

    /// All of these. The error is a name that is there twice.
    pub(crate) fn of(credentials: &[Credential]) -> Result<Self, UserName> {
        let mut hashes = Self::default();
        for credential in credentials {
            hashes.add(credential.clone())?;
        }
        Ok(hashes)
    }

    /// Adds one, unless there is one of that name, whose name is returned as it is written there.
    fn add(&mut self, credential: Credential) -> Result<(), UserName> {
        match self.all.entry(credential.name) {
            Entry::Occupied(there) => Err(there.key().clone()),
            Entry::Vacant(vacant) => {
                self.decoy.get_or_insert_with(|| credential.hash.clone());
                vacant.insert(credential.hash);
                Ok(())
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, name: &UserName) -> Option<&Arc<PasswordHash>> {
        self.all.get(name)
    }

    /// What a password is hashed against when nobody has the name, so that how long it takes does not tell that.
    /// It is as much work as any, as far as all were made in one way.
    pub(super) fn decoy(&self) -> Option<&Arc<PasswordHash>> {
        self.decoy.as_ref()
    }
}

impl fmt::Debug for Hashes {
    /// Without the hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.keys()).finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use argon2::{Algorithm, Argon2, Version, password_hash::PasswordHasher};

    use super::*;

    /// A line for `name`, quick to check.
    pub(in crate::accounts) fn line(name: &str, password: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: PasswordHash = argon2.hash_password(password.as_bytes()).unwrap();
        format!("{name}:{hash}")
    }

    #[test]
    fn a_file_has_names_comments_and_empty_lines() {
        let text = format!(
            "# ours\n\n{}\r\n  {}  \n",
            line("Ada", "x"),
            line("bob", "y")
        );
        let hashes = Hashes::parse(&text).unwrap();
        assert_eq!(hashes.len(), 2);
        // Case does not count.
        let ada = hashes.get(&"ADA".parse().unwrap());
        assert!(ada.is_some() && ada == hashes.decoy());
        let shown = format!("{hashes:?}");
        assert!(!shown.contains("argon2"), "{shown}");
    }

    #[test]
    fn what_is_wrong_in_a_file_is_told_with_its_line_but_not_the_password() {
        let good = line("ada", "x");
        let hash = good.split_once(':').unwrap().1;
        let hash_with = |params: &str| format!("eve:{}", hash.replace("m=8,t=1,p=1", params));
        for (bad, said) in [
            (
                "eve".to_owned(),
                "it is NAME:HASH; chinwagd hash-password NAME makes",
            ),
            (
                "eve:open sesame".to_owned(),
                "after the name there is no argon2id hash",
            ),
            (
                good.replace("argon2id", "argon2i"),
                "after the name there is no argon2id hash",
            ),
            (format!("-:{hash}"), "a name begins with a letter"),
            (format!(":{hash}"), "a name has at least one"),
            (line("ADA", "y"), "ada is on line 2 already"),
            ("eve:$argon2id$".to_owned(), "the hash is broken"),
            (
                "eve:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ".to_owned(),
                "the hash is broken",
            ),
            (hash_with("m=1,t=1,p=1"), "the hash is broken"),
            (
                hash_with("m=2097152,t=1,p=1"),
                "the hash is too much work: m may be 1048576,",
            ),
            (hash_with("m=1048576,t=9,p=1"), "the hash is too much work"),
        ] {
            let (line, message) = Hashes::parse(&format!("#\n{good}\n{bad}")).unwrap_err();
            assert_eq!(line, 3, "{bad}");
            assert!(message.starts_with(said), "{bad}: {message}");
            assert!(!message.contains("sesame"), "{message}");
        }
    }

    #[test]
    fn who_is_there_twice_is_named() {
        let [ada, again] = ["Ada", "ADA"].map(|name| line(name, "x").parse().unwrap());
        assert_eq!(Hashes::of(&[ada, again]), Err("Ada".parse().unwrap()));
        assert_eq!(Hashes::of(&[]), Ok(Hashes::default()));
    }
}
