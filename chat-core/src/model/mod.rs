//! The words of the chat, whichever wire they travel on.

mod command;
mod event;
mod name;

pub use command::{Command, Verb};
pub use event::{ErrorCode, Event};
pub(crate) use name::name_hash;
pub use name::{NameError, UserName};
