//! `PASS`, `NICK` and `USER`: to come in, and to be called something.

use chinwag_core::{Command, Entrance, OwnedSecret, UserName};

use crate::{
    client::{Ask, Entry},
    commands::{channels, server},
    limits::{MAX_LOGIN, MAX_REAL_NAME},
    numeric::{
        ERR_ALREADYREGISTERED, ERR_ERRONEUSNICKNAME, ERR_NONICKNAMEGIVEN, ERR_PASSWDMISMATCH,
    },
    turn::Turn,
    write::floor,
};

/// `PASS`.
pub(crate) fn pass<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let password = turn.raw_param(0)?;
    if turn.client.is_registered() {
        return already(turn);
    }
    turn.client.newcomer().password = Some(password.into());
    None
}

/// `NICK`.
pub(crate) fn nick<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(name) = turn.param(0) else {
        turn.numeric(ERR_NONICKNAMEGIVEN)
            .trailing("No nickname given");
        return None;
    };
    if name.eq_ignore_ascii_case(&turn.config.server) {
        turn.numeric(ERR_ERRONEUSNICKNAME)
            .echo(name)
            .trailing("Erroneous nickname: that is what the server is called");
        return None;
    }
    if turn.client.is_registered() {
        turn.ask(Ask::Nick(name.into()));
        return Some(Command::Register { name, secret: None });
    }
    if let Err(why) = name.parse::<UserName>() {
        turn.numeric(ERR_ERRONEUSNICKNAME)
            .echo(name)
            .trailing_fmt(format_args!("Erroneous nickname: {why}"));
        return None;
    }
    turn.client.newcomer().nick = Some(name.into());
    enter(turn)
}

/// `USER`.
pub(crate) fn user<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if turn.client.is_registered() {
        return already(turn);
    }
    let (Some(login), Some(real_name)) = (turn.param(0), turn.param(3)) else {
        turn.missing();
        return None;
    };
    let real_name = &real_name[..floor(real_name, MAX_REAL_NAME)];
    turn.client.newcomer().user = Some((tidy_login(login), real_name.into()));
    enter(turn)
}

fn already<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.numeric(ERR_ALREADYREGISTERED)
        .trailing("You may not reregister");
    None
}

/// A login as it is shown: with a mark that nobody has checked it, and without what is not part of such a name.
fn tidy_login(login: &str) -> Box<str> {
    let is_good = |c: &char| c.is_alphanumeric() || "-._+".contains(*c);
    let mut tidy = String::from("~");
    for c in login.chars().filter(is_good) {
        if tidy.len() + c.len_utf8() > MAX_LOGIN {
            break;
        }
        tidy.push(c);
    }
    if tidy.len() == 1 {
        tidy.push('u');
    }
    tidy.into()
}

/// Asks to come in, if all has been said that must be.
pub(crate) fn enter<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let lets_in = {
        let newcomer = turn.client.newcomer();
        if newcomer.is_settling || newcomer.nick.is_none() || newcomer.user.is_none() {
            return None;
        }
        turn.config.lets_in(newcomer.password.as_deref())
    };
    turn.more();
    if !lets_in {
        turn.client.newcomer().entry = Entry::TurnedAway;
        turn.numeric(ERR_PASSWDMISMATCH)
            .trailing("Password incorrect");
        return None;
    }
    turn.config.created_by(turn.reading.now());
    let newcomer = turn.client.newcomer();
    newcomer.entry = Entry::Asked;
    let (login, real_name) = newcomer.user.clone()?;
    let secret = newcomer.password.clone().map(OwnedSecret);
    Some(Command::Enter(Box::new(Entrance {
        name: newcomer.nick.clone()?,
        secret: secret.filter(|_| turn.config.password.is_none()),
        login,
        real_name,
        bot: false,
    })))
}

/// Whether this part comes behind the wish to come in.
pub(crate) fn is_entering(turn: &mut Turn<'_, '_>) -> bool {
    let Some(newcomer) = &mut turn.client.newcomer else {
        return false;
    };
    if turn.part == 0 {
        newcomer.entry = Entry::Outside;
    }
    newcomer.entry != Entry::Outside
}

/// What comes behind the wish to come in: to who is in, all that they are shown first.
pub(crate) fn enter_more<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.free();
    let newcomer = turn.client.newcomer();
    if newcomer.entry == Entry::TurnedAway {
        turn.client.parting = Some("Password incorrect".into());
        return Some(Command::Quit { reason: None });
    }
    if !turn.client.is_registered() {
        return None;
    }
    match turn.part {
        1 => {
            turn.more();
            return server::lusers(turn);
        }
        2 => {
            turn.more();
            return server::show_motd(turn);
        }
        _ => {}
    }
    let (index, step) = (
        (turn.part - 3) / channels::STEPS,
        (turn.part - 3) % channels::STEPS,
    );
    let Some(room) = turn.client.newcomer().rooms.get(index).cloned() else {
        // All is said.
        turn.client.newcomer = None;
        return None;
    };
    turn.more();
    channels::show_joined(turn, room, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_marked_short_and_of_letters() {
        for (login, tidy) in [
            ("ada", "~ada"),
            ("", "~u"),
            ("!@ *:", "~u"),
            ("a!b@c d", "~abcd"),
            ("a-very-long-login", "~a-very-lo"),
            ("ééééééé", "~éééé"),
        ] {
            assert_eq!(&*tidy_login(login), tidy);
        }
    }
}
