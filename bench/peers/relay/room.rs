//! Names of rooms and users, for the setting up.

use std::collections::HashMap;
use std::rc::Rc;

/// A room: who hears what is said in it.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Numbers of connections.
    pub(crate) members: Vec<u32>,
    /// Batched: what was said and is not written yet.
    pub(crate) said: Vec<u8>,
}

/// All rooms and users. Rooms stay; there are not many.
#[derive(Debug, Default)]
pub(crate) struct Names {
    users: HashMap<Rc<[u8]>, u32>,
    rooms: HashMap<Box<[u8]>, u32>,
}

impl Names {
    /// Nothing, if somebody else has that name.
    pub(crate) fn register(&mut self, name: &[u8], number: u32) -> Option<Rc<[u8]>> {
        if self.users.contains_key(name) {
            return None;
        }
        let name = Rc::from(name);
        self.users.insert(Rc::clone(&name), number);
        Some(name)
    }

    pub(crate) fn free(&mut self, name: &[u8]) {
        self.users.remove(name);
    }

    pub(crate) fn user(&self, name: &[u8]) -> Option<u32> {
        self.users.get(name).copied()
    }

    /// Makes it, if there is none.
    pub(crate) fn room(&mut self, name: &[u8], rooms: &mut Vec<Room>) -> u32 {
        if let Some(&number) = self.rooms.get(name) {
            return number;
        }
        let number = rooms.len() as u32;
        rooms.push(Room::default());
        self.rooms.insert(name.into(), number);
        number
    }
}
