//! What the server supports, as it says with numeric 005.

use crate::{
    config::Config,
    limits::{
        Bounds, MAX_CHANNEL, MAX_CONDITIONS, MAX_HOST, MAX_KEY, MAX_LOGIN, MAX_MODES,
        MAX_MONITORED, MAX_NICK, MAX_TARGETS, TextLimits,
    },
    message::MAX_LINE,
    modes,
    numeric::RPL_ISUPPORT,
    write::Line,
};

/// Appends the lines that say it.
pub(crate) fn write(config: &Config, bounds: Bounds, nick: &str, out: &mut Vec<u8>) {
    let line = Line::numeric(out, &config.server, RPL_ISUPPORT, nick);
    let mut list = line.tokens("are supported by this server");
    let texts = TextLimits::new(config, bounds);
    let mut number = |key, number: usize| {
        list.token(&[key, "=", &number.to_string()]);
    };
    number("AWAYLEN", texts.away);
    number("CHANNELLEN", MAX_CHANNEL);
    number("HOSTLEN", MAX_HOST);
    number("KEYLEN", MAX_KEY.min(bounds.text()));
    number("KICKLEN", texts.kick);
    number("LINELEN", MAX_LINE);
    number("MAXTARGETS", MAX_TARGETS);
    number("MODES", MAX_MODES);
    number("MONITOR", MAX_MONITORED);
    number("NAMELEN", texts.name);
    number("NICKLEN", MAX_NICK);
    number("TOPICLEN", texts.topic);
    number("USERLEN", MAX_LOGIN);
    let rooms = bounds.rooms.to_string();
    let bans = bounds.bans.to_string();
    let targets = MAX_TARGETS.to_string();
    let conditions = MAX_CONDITIONS.to_string();
    list.token(&["BOT=B"]);
    list.token(&["CASEMAPPING=ascii"]);
    list.token(&["CHANLIMIT=#:", &rooms]);
    list.token(&["CHANMODES=", modes::LISTS, ",k,l,", modes::FLAGS]);
    list.token(&["CHANTYPES=#"]);
    list.token(&["ELIST=CMNTU"]);
    list.token(&["EXCEPTS"]);
    list.token(&["INVEX"]);
    // Each list by itself: several letters before one number would share it.
    let lists = modes::LISTS.chars().map(|list| format!("{list}:{bans}"));
    list.token(&["MAXLIST=", &lists.collect::<Vec<_>>().join(",")]);
    list.token(&["NETWORK=", &config.network]);
    list.token(&["PREFIX=", modes::PREFIX]);
    list.token(&["SAFELIST"]);
    list.token(&["STATUSMSG=", modes::PREFIXES]);
    list.token(&[
        "TARGMAX=JOIN:,KICK:,LIST:",
        &conditions,
        ",NAMES:,NOTICE:",
        &targets,
        ",PART:,PRIVMSG:",
        &targets,
        ",TAGMSG:",
        &targets,
        ",WHOIS:",
    ]);
    list.token(&["UTF8ONLY"]);
    list.token(&["WHOX"]);
    list.end();
}
