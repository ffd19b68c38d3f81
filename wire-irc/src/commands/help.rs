//! `HELP`: how to use what there is.

use chinwag_core::Command;

use crate::{
    numeric::{ERR_HELPNOTFOUND, RPL_ENDOFHELP, RPL_HELPSTART, RPL_HELPTXT},
    turn::Turn,
};

/// What is said of each topic, line by line. A topic has the commands as further names that it is about.
const TOPICS: &[(&str, &[&str])] = &[
    (
        "INDEX",
        &[
            "HELP <topic> tells more. Topics are:",
            "CHANNELS MESSAGES MODES NICK ACCOUNT WHO AWAY MONITOR OPER",
        ],
    ),
    (
        "CHANNELS JOIN PART TOPIC NAMES LIST INVITE KICK",
        &[
            "LIST shows the channels that there are.",
            "JOIN #channel [key] brings you in. Who makes a channel by joining it is its operator.",
            "PART #channel [reason] brings you out.",
            "TOPIC #channel [text] shows or sets what it is about.",
            "NAMES #channel shows who is there, INVITE nick #channel asks somebody in,",
            "and KICK #channel nick [reason] puts somebody out.",
        ],
    ),
    (
        "MESSAGES PRIVMSG NOTICE",
        &[
            "PRIVMSG target[,target] :text sends a message to a channel or somebody.",
            "NOTICE does the same, and no program answers it.",
            "With @, % or + before its name, only those in a channel get it who are that, or more.",
        ],
    ),
    (
        "MODES MODE",
        &[
            "MODE #channel shows how a channel is, MODE #channel changes [params] changes it:",
            "i  who wants in must be invited     k  or know this key",
            "l  it takes as many members         m  only some may talk",
            "n  only members may                 s  it is not listed",
            "t  only its operators set the topic",
            "b, e and I are lists of nick!user@host with * and ?: of who may not come in,",
            "who may all the same, and who need not be invited.",
            "o, h and v make somebody an operator, half of one, or let them talk.",
            "MODE nick changes shows and changes what you are: B a bot, i invisible,",
            "o an operator, w told what operators tell all.",
        ],
    ),
    (
        "NICK SETNAME",
        &[
            "NICK name changes what you are called: up to 32 letters, digits and some marks.",
            "SETNAME :text changes what you are called in full.",
        ],
    ),
    (
        "WHO WHOIS WHOWAS ISON",
        &[
            "WHO #channel, WHO nick or WHO mask shows who is there, WHOIS nick more of one.",
            "WHOWAS nick shows who was called so, ISON nick... who is here.",
        ],
    ),
    (
        "ACCOUNT PASS AUTHENTICATE",
        &[
            "Where there are accounts, clients log in with SASL PLAIN; who cannot, sends the password of their nick",
            "with PASS before NICK, unless the server has a password of its own.",
        ],
    ),
    (
        "AWAY",
        &["AWAY :text tells who writes to you that you are away, AWAY that you are back."],
    ),
    (
        "MONITOR",
        &[
            "MONITOR + nick[,nick] tells you when they come and go, MONITOR - no longer.",
            "MONITOR L and S show whom you monitor, and who of them is here. MONITOR C clears all.",
        ],
    ),
    (
        "OPER KILL WALLOPS",
        &[
            "OPER name password makes you an operator, if you know it. Operators may",
            "KILL nick :reason, which puts somebody out, and WALLOPS :text, which tells all who want it.",
        ],
    ),
];

/// `HELP` and `HELPOP`.
pub(crate) fn help<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let subject = turn.param(0).unwrap_or("*");
    let topic = match subject {
        "*" => TOPICS.first(),
        _ => TOPICS.iter().find(|(names, _)| {
            names
                .split(' ')
                .any(|name| name.eq_ignore_ascii_case(subject))
        }),
    };
    let Some((_, lines)) = topic else {
        turn.numeric(ERR_HELPNOTFOUND)
            .echo(subject)
            .trailing("No help available on this topic");
        return None;
    };
    let (first, rest) = lines.split_first().unwrap_or((&"", &[]));
    turn.numeric(RPL_HELPSTART).echo(subject).trailing(first);
    for line in rest {
        turn.numeric(RPL_HELPTXT).echo(subject).trailing(line);
    }
    turn.numeric(RPL_ENDOFHELP)
        .echo(subject)
        .trailing("End of /HELP");
    None
}
