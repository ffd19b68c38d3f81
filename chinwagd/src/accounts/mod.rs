//! Accounts: names that are theirs who know the password. And operators.
//!
//! `hashes` is who has which password, `file` reads them from a file and reads it again when it changes, `judges`
//! are the threads that compare, and `password` makes a hash of what somebody types.

mod file;
mod hashes;
mod judges;
mod password;

use std::{io, time::Instant};

use chinwag::{Authenticator, Claim, Denied, UserName, async_trait};
use tracing::{info, warn};

use self::{file::Accounts, judges::Judges};
pub(crate) use self::{
    file::AccountsFile,
    hashes::{Credential, Hashes},
    password::hash_from_stdin,
};
use crate::config::Guests;

/// What who does not know the password of a name is told.
const WRONG_PASSWORD: &str = "wrong password";

/// Lets those have a name who know its password, and those be operators who are on the list.
pub(crate) struct Doorkeeper {
    /// Without a file, all names are for whoever comes first.
    accounts: Option<Accounts>,
    guests: Guests,
    opers: Hashes,
    judges: Judges,
}

impl Doorkeeper {
    /// Starts its threads. It looks for changes of the file as often as `now` lets it.
    pub(crate) fn start(
        accounts: Option<AccountsFile>,
        guests: Guests,
        opers: Hashes,
        now: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let accounts = accounts.map(|file| Accounts::watch(file, now));
        Ok(Self {
            accounts: accounts.transpose()?,
            guests,
            opers,
            judges: Judges::start()?,
        })
    }

    /// Whether somebody may have the name, who has proved to have this account.
    async fn may_have(
        &self,
        name: &UserName,
        account: Option<&UserName>,
        secret: Option<&str>,
    ) -> Result<(), Denied> {
        let Some(accounts) = &self.accounts else {
            return Ok(());
        };
        let accounts = accounts.latest().await;
        let Some(hash) = accounts.get(name) else {
            // Who has an account is no guest, whatever they are called.
            let is_guest = account.is_none_or(|account| accounts.get(account).is_none());
            return match self.guests {
                Guests::Refuse if is_guest => Err(Denied::new("there is no such account")),
                _ => Ok(()),
            };
        };
        if account == Some(name) {
            return Ok(());
        }
        match secret {
            None | Some("") => Err(Denied::new("this name needs its password")),
            Some(secret) => match self.judges.verify(secret, hash).await? {
                true => Ok(()),
                false => Err(Denied::new(WRONG_PASSWORD)),
            },
        }
    }

    /// Whether this is the password of one of them. Who is not among them takes as long, and is refused in the
    /// same words.
    async fn prove(
        &self,
        hashes: &Hashes,
        name: &UserName,
        password: Option<&str>,
        refusal: &'static str,
    ) -> Result<(), Denied> {
        let known = hashes.get(name);
        let Some(hash) = known.or(hashes.decoy()) else {
            return Err(Denied::new(refusal));
        };
        let password = password.unwrap_or_default();
        match self.judges.verify(password, hash).await? {
            true if known.is_some() => Ok(()),
            _ => Err(Denied::new(refusal)),
        }
    }
}

#[async_trait]
impl Authenticator for Doorkeeper {
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        // Who writes their own name in another way has shown whose it is.
        if claim.current == Some(claim.name) {
            return Ok(());
        }
        let allowed = self.may_have(claim.name, claim.account, claim.secret);
        let allowed = allowed.await;
        // At most as often as there is time to hash what they say, as everywhere here.
        if let Err(why) = &allowed
            && why.reason() == WRONG_PASSWORD
        {
            info!(peer = %claim.peer, name = %claim.name, "is refused a name: {why}");
        }
        allowed
    }

    async fn log_in(&self, claim: Claim<'_>) -> Result<(), Denied> {
        let Some(accounts) = &self.accounts else {
            return Err(Denied::new("there are no accounts here"));
        };
        let accounts = accounts.latest().await;
        let refusal = "wrong account or password";
        let proved = self.prove(&accounts, claim.name, claim.secret, refusal);
        let proved = proved.await;
        if let Err(why) = &proved {
            info!(peer = %claim.peer, account = %claim.name, "is not logged in: {why}");
        }
        proved
    }

    async fn elevate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        if self.opers.is_empty() {
            return Err(Denied::new("there are no operators here"));
        }
        let refusal = "wrong name or password";
        let proved = self.prove(&self.opers, claim.name, claim.secret, refusal);
        let proved = proved.await;
        let name = claim.current.map(tracing::field::display);
        match &proved {
            Ok(()) => info!(peer = %claim.peer, name, oper = %claim.name, "is an operator"),
            Err(why) => {
                warn!(peer = %claim.peer, name, oper = %claim.name, "is no operator: {why}");
            }
        }
        proved
    }
}

#[cfg(test)]
mod tests;
