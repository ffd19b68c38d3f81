//! The words of the chat, whichever wire they travel on.

mod answer;
mod command;
mod event;
mod name;
mod outbound;
mod person;

pub use answer::{Answer, Whois};
pub use command::{Asked, Command, Role, Secret, UnknownRole, Verb};
pub use event::{ErrorCode, Event, QuitReason};
pub(crate) use name::{Name, name_hash, same_name};
pub use name::{NameError, RoomName, UserName};
pub(crate) use outbound::Outbound;
pub use person::{Person, Profile};
