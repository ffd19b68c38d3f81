//! One connection's place in a hub.

use std::{sync::Arc, task::Waker};

use super::{
    Inner,
    mailbox::{Mailbox, Pushed, wake_all},
    roster::{Position, Roster},
};
use crate::{
    config::{Limits, Timeouts},
    error::HubError,
    model::{Event, UserName},
    trace::LogQuota,
};

/// One connection's place in a hub: a mailbox, and a name once it has registered.
///
/// Dropping it frees the name and ends the mailbox, whatever happened to the connection.
pub(crate) struct User {
    hub: Arc<Inner>,
    mailbox: Arc<Mailbox>,
    registered: Option<(UserName, Position)>,
}

/// What became of a message.
#[derive(Debug)]
#[must_use]
pub(crate) enum Sent {
    /// It is on its way.
    Queued {
        /// The recipient's task, to be woken.
        wake: Option<Waker>,
        /// The recipient's mailbox, if it is so full that the sender should hold back.
        behind: Option<Arc<Mailbox>>,
    },
    /// It is not: there is no room in this mailbox at the moment. Hold back, and send it again.
    NoRoom(Arc<Mailbox>),
}

impl User {
    pub(super) fn new(hub: Arc<Inner>) -> Self {
        let mailbox = Arc::new(Mailbox::new(hub.limits.mailbox_bytes()));
        Self {
            hub,
            mailbox,
            registered: None,
        }
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.hub.limits
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.hub.timeouts
    }

    pub(crate) fn log_quota(&self) -> &LogQuota {
        &self.hub.log_quota
    }

    pub(crate) fn name(&self) -> Option<&UserName> {
        self.registered.as_ref().map(|(name, _)| name)
    }

    /// Takes `name`, and frees the one that this user had.
    ///
    /// The new name goes to the end of the list, unless it is the old one in another case.
    pub(crate) fn register(&mut self, name: UserName) -> Result<(), HubError> {
        if let Some((old, position)) = &mut self.registered
            && *old == name
        {
            *old = name.clone();
            self.hub.roster.respell(*position, name);
            return Ok(());
        }
        if !self.hub.names.claim(&name, self.mailbox.clone()) {
            return Err(HubError::NameTaken);
        }
        let old = self.registered.take();
        let left = old.as_ref().map(|(_, position)| *position);
        let position = self.hub.roster.enter(name.clone(), left);
        if let Some((old, _)) = old {
            self.hub.names.remove(&old);
        }
        self.registered = Some((name, position));
        Ok(())
    }

    /// Sends `text` to whoever has the name `to`.
    pub(crate) fn send(&self, to: &str, text: &str) -> Result<Sent, HubError> {
        let from = self.name().ok_or(HubError::NotRegistered)?;
        let mailbox = self.hub.names.get(to).ok_or(HubError::NoSuchUser)?;
        let pushed = mailbox.push(Event::Direct {
            from: from.clone(),
            text: text.into(),
        });
        match pushed {
            Pushed::Queued(wake) => Ok(Sent::Queued { wake, behind: None }),
            Pushed::Above(wake) => Ok(Sent::Queued {
                wake,
                behind: Some(mailbox),
            }),
            Pushed::NoRoom => Ok(Sent::NoRoom(mailbox)),
            // Their connection is about to be closed for it, and their name to be free.
            Pushed::Overflow(wake) => {
                if let Some(wake) = wake {
                    wake.wake();
                }
                Err(HubError::NoSuchUser)
            }
            Pushed::Closed => Err(HubError::NoSuchUser),
        }
    }

    /// Everyone who has a name.
    pub(crate) fn roster(&self) -> &Roster {
        &self.hub.roster
    }

    /// Gives the name back, if there is one. The mailbox stays.
    pub(crate) fn leave(&mut self) -> Option<UserName> {
        let (name, position) = self.registered.take()?;
        self.hub.roster.leave(position);
        self.hub.names.remove(&name);
        Some(name)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.leave();
        let (_, waiting) = self.mailbox.clear();
        wake_all(waiting);
    }
}
