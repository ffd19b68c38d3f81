//! What operators may do.

use chinwag_core::{Command, Secret};

use crate::{client::Ask, numeric::ERR_NOPRIVILEGES, turn::Turn};

/// `OPER`.
pub(crate) fn oper<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let (Some(name), Some(secret)) = (turn.param(0), turn.param(1)) else {
        turn.missing();
        return None;
    };
    turn.ask(Ask::Oper);
    let secret = Secret(secret);
    Some(Command::Elevate { name, secret })
}

/// `KILL`.
pub(crate) fn kill<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let (Some(name), Some(reason)) = (turn.param(0), turn.param(1)) else {
        turn.missing();
        return None;
    };
    Some(Command::Kill { name, reason })
}

/// `WALLOPS`.
pub(crate) fn wallops<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(text) = turn.param(0) else {
        turn.missing();
        return None;
    };
    Some(Command::Announce { text })
}

/// What would change the server, or the network, from a client: nobody may do that here.
pub(crate) fn unavailable<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.numeric(ERR_NOPRIVILEGES)
        .trailing("Permission Denied- this server is run from where it stands");
    None
}
