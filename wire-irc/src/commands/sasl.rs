//! `AUTHENTICATE`: to log in to an account.
//!
//! See the specification [sasl-3.1](https://ircv3.net/specs/extensions/sasl-3.1), and -3.2.

use chinwag_core::{Command, Credentials, OwnedSecret};

use crate::{
    author::account,
    caps::Caps,
    numeric::{ERR_SASLABORTED, ERR_SASLALREADY, ERR_SASLFAIL, ERR_SASLTOOLONG, RPL_SASLMECHS},
    sasl::{PLAIN, Refusal, Sasl},
    turn::Turn,
    write::Line,
};

/// `AUTHENTICATE`.
pub(crate) fn authenticate<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let said = turn.raw_param(0)?;
    if !turn.config.sasl || !turn.client.has(Caps::SASL) {
        turn.numeric(ERR_SASLFAIL)
            .trailing("SASL authentication failed");
        return None;
    }
    let is_logged_in = turn
        .client
        .me
        .as_ref()
        .is_some_and(|me| account(me).is_some());
    let mut sasl = match turn.client.sasl.take() {
        Some(sasl) if matches!(*sasl, Sasl::Done) => {
            turn.client.sasl = Some(sasl);
            return already(turn);
        }
        _ if is_logged_in => return already(turn),
        Some(sasl) => sasl,
        None => {
            begin(turn, said);
            return None;
        }
    };
    if said == "*" {
        aborted(turn);
        return None;
    }
    match sasl.take(said) {
        Ok(None) => {
            turn.client.sasl = Some(sasl);
            None
        }
        Ok(Some(plain)) => {
            let account: Box<str> = plain.account.into();
            turn.client.sasl = Some(Box::new(Sasl::Asked(account.clone())));
            Some(Command::LogIn(Box::new(Credentials {
                account,
                secret: OwnedSecret(plain.secret.into()),
            })))
        }
        Err(Refusal::TooLong) => {
            turn.numeric(ERR_SASLTOOLONG)
                .trailing("SASL message too long");
            None
        }
        Err(Refusal::Malformed) => {
            turn.numeric(ERR_SASLFAIL)
                .trailing("SASL authentication failed");
            None
        }
    }
}

/// A log-in that is under way is none any more.
pub(super) fn give_up(turn: &mut Turn<'_, '_>) {
    let is_done = |sasl: &mut Box<Sasl>| matches!(**sasl, Sasl::Done);
    if turn.client.sasl.take_if(|sasl| !is_done(sasl)).is_some() {
        aborted(turn);
    }
}

fn aborted(turn: &mut Turn<'_, '_>) {
    turn.numeric(ERR_SASLABORTED)
        .trailing("SASL authentication aborted");
}

fn begin(turn: &mut Turn<'_, '_>, mechanism: &str) {
    if mechanism == "*" {
        aborted(turn);
    } else if mechanism.eq_ignore_ascii_case(PLAIN) {
        turn.client.sasl = Some(Box::default());
        Line::bare(turn.reading.answer(), "AUTHENTICATE")
            .param("+")
            .end();
    } else {
        turn.numeric(RPL_SASLMECHS)
            .param(PLAIN)
            .trailing("are available SASL mechanisms");
        turn.numeric(ERR_SASLFAIL)
            .trailing("SASL authentication failed");
    }
}

fn already<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.numeric(ERR_SASLALREADY)
        .trailing("You have already authenticated using SASL");
    None
}
