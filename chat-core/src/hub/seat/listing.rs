//! Lists, which are handed out in parts.

use std::{mem, sync::Arc};

use super::Seat;
use crate::{
    error::HubError,
    hub::{room::Room, roster::Position},
    model::{Answer, RoomInfo, RoomName, Topic},
};

/// A list that is handed out in parts, from `next` on, without those who came after it was asked for.
#[derive(Debug)]
pub(crate) struct Listing {
    of: ListOf,
    next: Position,
    end: Position,
    first: bool,
}

/// What is listed.
#[derive(Debug)]
enum ListOf {
    Users,
    Rooms,
    Members(Arc<Room>),
}

impl Seat {
    /// The list of everyone who has a name.
    pub(crate) fn list_users(&self) -> Listing {
        Listing::new(ListOf::Users, self.hub.roster.end())
    }

    /// The list of all rooms.
    pub(crate) fn list_rooms(&self) -> Listing {
        Listing::new(ListOf::Rooms, self.hub.room_list.end())
    }

    /// The list of a room's members.
    pub(crate) fn list_members(&self, room: &str) -> Result<Listing, HubError> {
        let room = self.visible(room)?;
        let end = room.lock().end();
        Ok(Listing::new(ListOf::Members(room), end))
    }

    /// The next part of a list, of at most `most` names. It is over when that is the last one.
    pub(crate) fn page(&self, listing: &mut Listing, most: usize) -> (Answer<'static>, bool) {
        let Listing { of, next, end, .. } = listing;
        let first = mem::take(&mut listing.first);
        let (answer, go_on) = match of {
            ListOf::Users => {
                let (users, go_on) = self.hub.roster.page(*next, *end, most);
                let last = go_on.is_none();
                (Answer::Users { users, first, last }, go_on)
            }
            ListOf::Members(room) => {
                let state = room.lock();
                let (members, go_on) = state.page(*next, *end, most);
                let answer = Answer::Members {
                    room: room.name().clone(),
                    secret: state.settings().secret,
                    members,
                    first,
                    last: go_on.is_none(),
                };
                (answer, go_on)
            }
            ListOf::Rooms => {
                let (names, go_on) = self.hub.room_list.page(*next, *end, most);
                let rooms = names.iter().filter_map(|name| self.listed(name)).collect();
                let last = go_on.is_none();
                (Answer::Rooms { rooms, first, last }, go_on)
            }
        };
        *next = go_on.unwrap_or_default();
        (answer, go_on.is_none())
    }

    /// How a room is listed, if one may know of it.
    fn listed(&self, name: &RoomName) -> Option<RoomInfo> {
        let is_member = |room| {
            let registered = self.registered.as_ref();
            registered.is_some_and(|r| r.rooms.iter().any(|joined| Arc::ptr_eq(&joined.room, room)))
        };
        let room = self.hub.existing_room(name.as_str()).ok()?;
        let state = room.lock();
        let is_member = is_member(&room);
        let is_listed = !state.settings().secret || is_member;
        let mut info = is_listed.then(|| room.info(&state))?;
        if !is_member && !state.is_open() {
            info.topic = Topic::from("");
        }
        Some(info)
    }
}

impl Listing {
    fn new(of: ListOf, end: Position) -> Self {
        Self {
            of,
            next: Position::default(),
            end,
            first: true,
        }
    }
}
