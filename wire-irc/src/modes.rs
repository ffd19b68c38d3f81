//! Modes: the letters for what a channel is and what a member may do.

use std::borrow::Cow;

use chinwag_core::{MaskList, Role, RoomSetting, RoomSettings};

/// The letters of lists of masks.
pub(crate) const LISTS: &str = "beI";

/// The letters and prefixes of members, the highest first.
pub(crate) const PREFIX: &str = "(ohv)@%+";

/// All prefixes.
pub(crate) const PREFIXES: &str = "@%+";

/// The letters of what is only on or off.
pub(crate) const FLAGS: &str = "imnst";

/// The letter for a role, which a plain member has not.
pub(crate) fn letter(role: Role) -> Option<&'static str> {
    match role {
        Role::Owner => Some("o"),
        Role::Moderator => Some("h"),
        Role::Voiced => Some("v"),
        _ => None,
    }
}

/// What stands before the name of a member; nothing for a plain one.
pub(crate) fn prefix(role: Role) -> &'static str {
    match role {
        Role::Owner => "@",
        Role::Moderator => "%",
        Role::Voiced => "+",
        _ => "",
    }
}

/// The role that a letter stands for.
pub(crate) fn role(letter: char) -> Option<Role> {
    match letter {
        'o' => Some(Role::Owner),
        'h' => Some(Role::Moderator),
        'v' => Some(Role::Voiced),
        _ => None,
    }
}

/// The role that a prefix stands for.
pub(crate) fn role_of_prefix(prefix: char) -> Option<Role> {
    match prefix {
        '@' => Some(Role::Owner),
        '%' => Some(Role::Moderator),
        '+' => Some(Role::Voiced),
        _ => None,
    }
}

/// The letter for a list.
pub(crate) fn list_letter(list: MaskList) -> Option<&'static str> {
    match list {
        MaskList::Bans => Some("b"),
        MaskList::BanExceptions => Some("e"),
        MaskList::InviteExceptions => Some("I"),
        _ => None,
    }
}

/// The list that a letter stands for.
pub(crate) fn list(letter: char) -> Option<MaskList> {
    match letter {
        'b' => Some(MaskList::Bans),
        'e' => Some(MaskList::BanExceptions),
        'I' => Some(MaskList::InviteExceptions),
        _ => None,
    }
}

/// What a letter says of a channel that is only on or off.
pub(crate) fn flag<T>(letter: char, on: bool) -> Option<RoomSetting<T>> {
    match letter {
        'i' => Some(RoomSetting::InviteOnly(on)),
        'm' => Some(RoomSetting::Moderated(on)),
        'n' => Some(RoomSetting::MembersOnly(on)),
        's' => Some(RoomSetting::Secret(on)),
        't' => Some(RoomSetting::TopicLocked(on)),
        _ => None,
    }
}

/// The change of a mode that a setting is, and its param.
pub(crate) fn change(setting: &RoomSetting) -> Option<(&'static str, Option<Cow<'_, str>>)> {
    let flag = |on, set, unset| Some((if on { set } else { unset }, None));
    match setting {
        RoomSetting::InviteOnly(on) => flag(*on, "+i", "-i"),
        RoomSetting::Moderated(on) => flag(*on, "+m", "-m"),
        RoomSetting::MembersOnly(on) => flag(*on, "+n", "-n"),
        RoomSetting::TopicLocked(on) => flag(*on, "+t", "-t"),
        RoomSetting::Secret(on) => flag(*on, "+s", "-s"),
        RoomSetting::Key(Some(key)) => Some(("+k", Some(Cow::Borrowed(&**key)))),
        RoomSetting::Key(None) => Some(("-k", Some(Cow::Borrowed("*")))),
        RoomSetting::Limit(Some(limit)) => Some(("+l", Some(limit.to_string().into()))),
        RoomSetting::Limit(None) => Some(("-l", None)),
        _ => None,
    }
}

/// All modes of a channel, and the params of those that have one.
pub(crate) fn all(settings: &RoomSettings) -> (String, Vec<Cow<'_, str>>) {
    let mut letters = String::from("+");
    for (on, letter) in [
        (settings.invite_only, 'i'),
        (settings.key.is_some(), 'k'),
        (settings.limit.is_some(), 'l'),
        (settings.moderated, 'm'),
        (settings.members_only, 'n'),
        (settings.secret, 's'),
        (settings.topic_locked, 't'),
    ] {
        if on {
            letters.push(letter);
        }
    }
    let key = settings.key.as_deref().map(Cow::Borrowed);
    let limit = settings.limit.map(|limit| limit.to_string().into());
    (letters, key.into_iter().chain(limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_stands_for_one_thing_and_back() {
        for role in [Role::Voiced, Role::Moderator, Role::Owner] {
            let letter = letter(role).unwrap().chars().next().unwrap();
            assert_eq!(super::role(letter), Some(role));
            let prefix = prefix(role).chars().next().unwrap();
            assert_eq!(role_of_prefix(prefix), Some(role));
            assert!(PREFIX.contains(letter) && PREFIX.contains(prefix));
        }
        for letter in LISTS.chars() {
            let list = list(letter).unwrap();
            assert_eq!(list_letter(list), Some(&*letter.to_string()));
        }
        for letter in FLAGS.chars() {
            for on in [true, false] {
                let setting = flag(letter, on).unwrap();
                let (change, param) = super::change(&setting).unwrap();
                let sign = if on { '+' } else { '-' };
                assert_eq!(change, format!("{sign}{letter}"));
                assert_eq!(param, None);
            }
        }
    }

    #[test]
    fn all_modes_have_their_params_in_the_order_of_their_letters() {
        let mut settings = RoomSettings::default();
        assert_eq!(all(&settings).0, "+nt");
        settings.key = Some("k3y".into());
        settings.limit = Some(7);
        settings.secret = true;
        let (letters, params) = all(&settings);
        assert_eq!(letters, "+klnst");
        assert_eq!(params, ["k3y", "7"]);
    }
}
