//! The words of the chat, whichever wire they travel on.

mod command;
mod event;
mod name;
mod outbound;
mod person;

pub use command::{Command, Role, Secret, UnknownRole, Verb};
pub use event::{ErrorCode, Event, QuitReason, Whois};
pub(crate) use name::{Name, name_hash, same_name};
pub use name::{NameError, RoomName, UserName};
pub(crate) use outbound::Outbound;
pub use person::{Person, Profile};
