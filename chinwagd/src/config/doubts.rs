//! What works, and is hardly what the operator wants.

use std::{collections::HashSet, env};

use chinwag::TakenName;

use super::{Config, Guests, command};
use crate::listen::Endpoint;

impl Config {
    /// What the operator is told besides, a line each.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let mut doubts: Vec<_> = self
            .unknown_variables
            .iter()
            .map(|name| format!("{name} is no setting; --help has all of them"))
            .collect();
        if self.threads_set && !self.runtime.has_workers() {
            doubts.push(format!(
                "threads is {}, which has no effect: with runtime {} each connection has a thread of its own",
                self.threads, self.runtime
            ));
        }
        let taken_name = self.taken_name;
        let takes_over = taken_name != TakenName::Refuse;
        match (&self.accounts, self.guests) {
            (None, _) if takes_over => doubts.push(format!(
                "taken-name is {taken_name}, and without accounts: anybody can take over any name"
            )),
            (Some(_), Guests::Allow) if takes_over => doubts.push(format!(
                "taken-name is {taken_name}, and guests are allowed: anybody can take over a guest's name"
            )),
            (Some(_), Guests::Refuse) => {
                let seeds = self.listen.iter().filter(|endpoint| endpoint.is_seed());
                doubts.extend(seeds.map(|endpoint| {
                    format!("guests is refuse: nobody can have a name on {endpoint}, where a secret cannot be said")
                }));
            }
            _ => {}
        }
        let speaks_seed = self.listen.iter().any(Endpoint::is_seed);
        if let Some(room) = &self.seed_room
            && !speaks_seed
        {
            doubts.push(format!(
                "seed-room is {room}, which has no effect: without --listen seed://HOST:PORT nobody speaks seed"
            ));
        }
        let speaks_irc = self.listen.iter().any(Endpoint::is_irc);
        if !speaks_irc && let Some(key) = self.irc.set.first() {
            doubts.push(format!(
                "{key} is set, which has no effect: without --listen irc://HOST:PORT nobody speaks irc"
            ));
        }
        if speaks_irc && self.irc.password.is_some() {
            let open = self.listen.iter().filter(|endpoint| !endpoint.is_irc());
            doubts.extend(open.map(|endpoint| {
                format!("password is set, and on {endpoint} nobody is asked for it: that is done on irc only")
            }));
        }
        if speaks_irc
            && let (Some(idle), Some((interval, _))) = (self.timeouts.idle(), self.irc.keep_alive)
            && idle <= interval
        {
            let [idle, interval] = [idle, interval].map(humantime::format_duration);
            doubts.push(format!(
                "idle-timeout is {idle}, and ping-interval {interval}: who is silent on irc is sent away before \
                 being asked for a sign of life"
            ));
        }
        if self.password_is_seen {
            doubts.push(
                "password is on the command line, where others on this machine can read it; \
                 set CHINWAG_PASSWORD, or password in the --config file"
                    .to_owned(),
            );
        }
        doubts
    }
}

/// The variables that are called like settings and are none: probably misspelt.
pub(super) fn unknown_variables() -> Vec<String> {
    let command = command();
    let known: HashSet<_> = command
        .get_arguments()
        .filter_map(|arg| arg.get_env())
        .collect();
    let mut unknown: Vec<_> = env::vars_os()
        .filter(|(name, _)| !known.contains(&**name))
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CHINWAG_"))
        .collect();
    unknown.sort();
    unknown
}
