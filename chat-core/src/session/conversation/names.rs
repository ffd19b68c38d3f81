//! Who a peer is: names, accounts and operators.

use std::{sync::Arc, time::Instant};

use super::{Conversation, log_limited, requests::Done};
use crate::{
    error::HubError,
    hub::{Effects, Item, Stop},
    model::{Entrance, OwnedSecret, Person, Profile, UserName, Verb},
    session::hook::Asking,
    trace::log,
    wire::Wire,
};

impl<W: Wire> Conversation<W> {
    pub(super) fn register(
        &mut self,
        name: &str,
        secret: Option<&str>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let asking = Asking::register(self.hub(), self.asker(), name.clone(), secret, now);
        match asking {
            Some(asking) => Ok(self.ask(asking)),
            None => self.take_name(name, None, now, items, effects),
        }
    }

    pub(super) fn enter_as(
        &mut self,
        entrance: Box<Entrance>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let name: UserName = entrance.name.parse().map_err(HubError::BadName)?;
        match Asking::enter(self.hub(), self.asker(), name.clone(), entrance, now) {
            Ok(asking) => Ok(self.ask(asking)),
            Err(entrance) => self.take_name(name, Some(&entrance), now, items, effects),
        }
    }

    pub(super) fn take_name(
        &mut self,
        name: UserName,
        entrance: Option<&Entrance>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        self.drain(usize::MAX, items);
        let address = self.peer.tcp().map(|addr| addr.ip().to_canonical());
        let account = self.seat.account().cloned();
        let mut profile = entrance.map(|entrance| Profile {
            login: entrance.login.clone(),
            real_name: entrance.real_name.clone(),
            bot: entrance.bot,
            ..Profile::default()
        });
        if account.is_some() {
            profile.get_or_insert_default().account = account;
        }
        let person = Person::new(name, address, profile.map(Arc::new));
        let answer = self.seat.register(person, now, effects)?;
        log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
            log!(connection INFO, peer = %self.peer, name = self.seat.name().map(display), "registered");
        });
        // What others say from here on comes behind it.
        self.outbox.answer(&mut self.wire, &answer);
        Ok(Done::Silently)
    }

    pub(super) fn log_in(
        &mut self,
        account: &str,
        secret: OwnedSecret,
        now: Instant,
    ) -> Result<Done, Stop> {
        let account: UserName = account.parse().map_err(HubError::BadName)?;
        let secret = secret.0.into_string();
        let asking = Asking::log_in(self.hub(), self.asker(), account, secret, now);
        self.ask_or(asking, Verb::LogIn, "there are no accounts here", now)
    }

    pub(super) fn elevate(&mut self, name: &str, secret: &str, now: Instant) -> Result<Done, Stop> {
        self.seat.name().ok_or(HubError::NotRegistered)?;
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let asking = Asking::elevate(self.hub(), self.asker(), name, secret.to_owned(), now);
        self.ask_or(asking, Verb::Elevate, "there are no operators here", now)
    }
}
