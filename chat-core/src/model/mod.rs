//! The words of the chat, whichever wire they travel on.

mod answer;
mod command;
mod event;
mod mask;
mod name;
mod outbound;
mod person;
mod room;
mod stamp;

pub use answer::{Answer, Past, Whois};
pub use command::{
    Asked, Command, Credentials, Entrance, Kind, OwnedSecret, Role, RoleChange, Secret, Style,
    UnknownRole, Verb,
};
pub use event::{ErrorCode, Event, QuitReason};
pub(crate) use mask::Looks;
pub use mask::{Mask, MaskError, wildcard_matches};
pub(crate) use name::{Name, name_hash, same_name};
pub use name::{NameError, RoomName, UserName};
pub(crate) use outbound::Outbound;
pub use person::{Person, Profile};
pub use room::{MaskEntry, MaskList, RoomInfo, RoomSetting, RoomSettings, Topic};
pub use stamp::{MessageId, Stamp};
