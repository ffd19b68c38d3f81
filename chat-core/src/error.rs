//! What can go wrong.

use thiserror::Error;

use crate::model::{ErrorCode, MaskError, NameError, Role};

/// Why a [`Server`](crate::Server) could not run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It has nothing to listen on.
    #[error("the server has no listener")]
    NoListener,
}

/// Why the hub refused something.
///
/// The text says which rule it was, for people; [`code`](Self::code) says so for programs, and is what a
/// client on a socket is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HubError {
    /// One has no name.
    #[error("register a name first")]
    NotRegistered,
    /// Somebody else has that name.
    #[error("somebody else has that name")]
    NameTaken,
    /// That text cannot be a name.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// Nobody has that name.
    #[error("nobody has that name")]
    NoSuchUser,
    /// There is no room of that name.
    #[error("there is no such room")]
    NoSuchRoom,
    /// One has to be a member of that room.
    #[error("join that room first")]
    NotAMember,
    /// They are no member of that room.
    #[error("they are not in that room")]
    NotThere,
    /// One was put out of that room for good, or the name that one wants was.
    #[error("that name is banned from that room")]
    Banned,
    /// One has to be invited to that room.
    #[error("one has to be invited to that room")]
    InviteOnly,
    /// One has to know the key of that room.
    #[error("one has to know the key of that room")]
    BadKey,
    /// One has to be let talk in that room.
    #[error("only those who are let may talk in that room")]
    Moderated,
    /// One has to have at least this role in that room.
    #[error("only {} may do that", those_who_may(*.0))]
    NeedsRole(Role),
    /// One has to have a higher role than theirs, which is this.
    #[error("their role is {0}, which is not lower than one's own")]
    NotOutranked(Role),
    /// A room that is not permanent has at least one owner.
    #[error("make somebody else an owner first")]
    LastOwner,
    /// The room has as many members as it may.
    #[error("the room has {0} members and takes no more")]
    RoomFull(usize),
    /// One is in as many rooms as one may.
    #[error("one can be in {0} rooms, and no more")]
    TooManyRooms(usize),
    /// There are as many rooms as there may be.
    #[error("there are {0} rooms, and no more are made")]
    TooManyRoomsInAll(usize),
    /// The name is used on as many connections as it may be.
    #[error("the name is used on {0} connections, and on no more")]
    TooManyDevices(usize),
    /// One watches as many users as one may.
    #[error("one can watch {0} users, and no more")]
    TooManyWatched(usize),
    /// That text is no mask.
    #[error(transparent)]
    BadMask(#[from] MaskError),
    /// One has to be an operator.
    #[error("only operators may do that")]
    NotOperator,
    /// The room has as many masks on that list as it may.
    #[error("the room has {0} masks on that list, and takes no more")]
    TooManyNames(usize),
    /// A message, a topic, a reason or an away text has more bytes than that.
    #[error("that text has at most {0} bytes")]
    TextTooLong(usize),
    /// Readers are behind, and nobody was told anything: try again after
    /// [`LocalUser::ready`](crate::LocalUser::ready). Nobody on a socket is told this; they are held back.
    #[error("somebody reads more slowly than this")]
    Busy,
    /// The hub was closed, or the user put out of it.
    #[error("the chat is over")]
    Closed,
}

impl HubError {
    /// The rule, as clients are told it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotRegistered => ErrorCode::NotRegistered,
            Self::NameTaken => ErrorCode::NameTaken,
            Self::BadName(_) => ErrorCode::BadName,
            Self::NoSuchUser | Self::NotThere => ErrorCode::NoSuchUser,
            Self::NoSuchRoom => ErrorCode::NoSuchRoom,
            Self::NotAMember => ErrorCode::NotAMember,
            Self::Banned => ErrorCode::Banned,
            Self::InviteOnly => ErrorCode::InviteOnly,
            Self::BadKey => ErrorCode::BadKey,
            Self::BadMask(_) => ErrorCode::BadArguments,
            Self::NotOperator => ErrorCode::Denied,
            Self::Moderated | Self::NeedsRole(_) | Self::NotOutranked(_) | Self::LastOwner => {
                ErrorCode::NeedsRole
            }
            Self::RoomFull(_)
            | Self::TooManyRooms(_)
            | Self::TooManyRoomsInAll(_)
            | Self::TooManyDevices(_)
            | Self::TooManyWatched(_)
            | Self::TooManyNames(_)
            | Self::Busy
            | Self::Closed => ErrorCode::Full,
            Self::TextTooLong(_) => ErrorCode::TooLong,
        }
    }
}

fn those_who_may(role: Role) -> &'static str {
    match role {
        Role::Owner => "owners",
        Role::Moderator => "moderators and owners",
        Role::Voiced => "those who are let talk, moderators and owners",
        Role::Member => "members",
    }
}
