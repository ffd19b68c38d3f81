//! What goes to users, wherever they are.

use std::sync::Arc;

use crate::{
    error::HubError,
    hub::{
        Inner, Stop,
        effects::Effects,
        mailbox::{Item, Manner},
    },
    model::{Event, Outbound, Person, Stamp},
};

impl Inner {
    /// Sends something that nobody reads to `name`. Returns what they are told.
    pub(crate) fn signal(
        &self,
        from: Person,
        name: &str,
        extra: Arc<str>,
        stamp: Stamp,
        effects: &mut Effects,
    ) -> Result<Event, Stop> {
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let event = Event::Signal {
            room: None,
            to: Some(state.person.name().clone()),
            from,
            extra,
            stamp,
        };
        let devices = state.devices.clone();
        drop(state);
        let behind = devices.iter().filter(|device| device.is_behind());
        let before = effects.behind.len();
        effects.behind.extend(behind.cloned());
        if effects.behind.len() > before {
            return Err(Stop::Held);
        }
        for device in &devices {
            let _ = effects.push(device, Item::Own(event.clone()), Manner::Urgent);
        }
        Ok(event)
    }

    /// Tells everybody something.
    pub(crate) fn announce_to_all(&self, from: &Person, text: &str, effects: &mut Effects) {
        let outbound = Arc::new(Outbound::new(Event::Announced {
            from: from.clone(),
            text: text.into(),
        }));
        let mut devices = Vec::new();
        self.names
            .each(|entry| devices.extend_from_slice(entry.devices.as_slice()));
        // Whoever is just changing their name has two.
        devices.sort_unstable_by_key(Arc::as_ptr);
        devices.dedup_by(|a, b| Arc::ptr_eq(a, b));
        for device in &devices {
            let _ = effects.push(device, Item::Shared(outbound.clone()), Manner::Urgent);
        }
    }
}
