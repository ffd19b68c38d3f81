//! What one setting may be, and how it is written.

use std::{
    fmt,
    num::{IntErrorKind, ParseIntError},
    str::FromStr,
    time::Duration,
};

use chinwag::{NameError, Rate, RoomName, SlowReader, TakenName};
use clap::{
    ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use serde::{Deserialize, Deserializer, de};

/// Reads a whole number of any size.
pub(super) fn whole_number<N: FromStr<Err = ParseIntError>>(text: &str) -> Result<N, &'static str> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => "it is too large",
            _ => "it is no whole number",
        })
}

/// Reads from a file what a flag has as text. An error names the text, because in a file a list of them
/// has one line number.
pub(super) fn read<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: T::Err| format!("{text:?}: {error}"))
}

/// Reads a setting of a foreign type.
pub(super) fn text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).map(Some).map_err(de::Error::custom)
}

/// How long to wait; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Wait(pub(super) Option<Duration>);

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" | "never" => Ok(Self(None)),
            wait => time(wait).map(Some).map(Self),
        }
    }
}

impl TryFrom<String> for Wait {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        read(&text)
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(wait) => humantime::format_duration(wait).fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// How long to hold somebody back; zero is not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pause(pub(super) Duration);

impl FromStr for Pause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self(Duration::ZERO)),
            pause => time(pause).map(Self),
        }
    }
}

impl TryFrom<String> for Pause {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        read(&text)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// How long something may take, which it must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Term(pub(super) Duration);

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text.trim())
            .map(Self)
            .map_err(|error| format!("{error}; it is a time like 30s or 1h"))
    }
}

impl TryFrom<String> for Term {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        read(&text)
    }
}

fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; it is a time like 30s or 1h, or off"))
}

/// So many in so much time; `None` is without a limit. The burst is another setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pace(pub(super) Option<Rate>);

impl FromStr for Pace {
    type Err = String;

    /// `20/s`, `600/min`, `100/10s` or `off`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "off" {
            return Ok(Self(None));
        }
        let advice = |what: &str| format!("{what}; it is a rate like 20/s or 600/min, or off");
        let (count, per) = text
            .split_once('/')
            .ok_or_else(|| advice("there is no / in it"))?;
        let count = whole_number(count.trim()).map_err(|_| {
            advice("before the / there must be a whole number, not larger than 4294967295")
        })?;
        let per = per.trim();
        // An `s` is a second, like `1s`.
        let counted = per.starts_with(|c: char| c.is_ascii_digit());
        let per = match counted {
            true => humantime::parse_duration(per),
            false => humantime::parse_duration(&format!("1{per}")),
        };
        let per = per.map_err(|_| advice("after the / there must be a time"))?;
        Ok(Self(Some(Rate::new(count, per))))
    }
}

impl TryFrom<String> for Pace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        read(&text)
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rate) = self.0 else {
            return f.write_str("off");
        };
        let per = humantime::format_duration(rate.per()).to_string();
        let unit = match &*per {
            "1s" => "s",
            "1m" => "min",
            "1h" => "h",
            other => other,
        };
        write!(f, "{}/{unit}", rate.count())
    }
}

/// The most of something; `None` is without a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Number")]
pub(super) struct Most(pub(super) Option<usize>);

/// How a [`Most`] stands in a file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Is(usize),
    Off(Off),
}

#[derive(Deserialize)]
enum Off {
    #[serde(rename = "off")]
    Off,
}

impl From<Number> for Most {
    fn from(number: Number) -> Self {
        Self(match number {
            Number::Is(number) => Some(number),
            Number::Off(Off::Off) => None,
        })
    }
}

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self(None)),
            number => match whole_number(number) {
                Ok(number) => Ok(Self(Some(number))),
                Err(error) => Err(format!("{error}, nor is it off")),
            },
        }
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// A room that is always there. The `#` may be left out, because for a shell it begins a comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Room(pub(super) RoomName);

impl FromStr for Room {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        match text.starts_with('#') {
            true => text.parse().map(Self),
            false => format!("#{text}").parse().map(Self),
        }
    }
}

impl TryFrom<String> for Room {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        read(&text)
    }
}

/// Who may be there without an account. The words about each are those of the help.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guests {
    /// Whoever comes first
    #[default]
    Allow,
    /// Nobody
    Refuse,
}

impl FromStr for Guests {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| "it must be allow or refuse")
    }
}

impl fmt::Display for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        })
    }
}

/// Reads a policy towards readers who are behind, and has the help say what there is.
pub(super) fn slow_reader() -> impl TypedValueParser<Value = SlowReader> {
    let values = [
        (SlowReader::Disconnect, "They are disconnected"),
        (
            SlowReader::DropOldest,
            "The oldest that waits for them is dropped",
        ),
        (
            SlowReader::DropNewest,
            "What is new is dropped until they have read",
        ),
    ];
    policies(values.map(|(policy, help)| (policy.as_str(), help)))
}

/// Reads a policy towards who asks for a name that somebody has.
pub(super) fn taken_name() -> impl TypedValueParser<Value = TakenName> {
    let values = [
        (TakenName::Refuse, "They do not get it"),
        (TakenName::Replace, "Who had it is disconnected"),
        (
            TakenName::Share,
            "Both have it: another device of the same user",
        ),
    ];
    policies(values.map(|(policy, help)| (policy.as_str(), help)))
}

fn policies<T>(values: [(&'static str, &'static str); 3]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    let values = values.map(|(name, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_so_many_in_a_time() {
        let minute = Duration::from_secs(60);
        for (text, rate, written) in [
            ("20/s", Rate::per_second(20), "20/s"),
            (" 600 / min ", Rate::new(600, minute), "600/min"),
            ("600/m", Rate::new(600, minute), "600/min"),
            ("7/h", Rate::new(7, 60 * minute), "7/h"),
            ("1/day", Rate::new(1, 1440 * minute), "1/1day"),
            ("5/10s", Rate::new(5, minute / 6), "5/10s"),
            ("5/1min", Rate::new(5, minute), "5/min"),
        ] {
            let pace: Pace = text.parse().unwrap();
            assert_eq!(pace, Pace(Some(rate)), "{text}");
            assert_eq!(pace.to_string(), written);
            assert_eq!(written.parse(), Ok(pace));
        }
        assert_eq!("off".parse(), Ok(Pace(None)));
        assert_eq!(Pace(None).to_string(), "off");
        for (text, said) in [
            ("", "there is no / in it; it is a rate like 20/s"),
            ("20", "there is no / in it"),
            ("none", "there is no / in it"),
            ("/s", "before the / there must be a whole number"),
            ("-1/s", "before the / there must be a whole number"),
            (
                "4294967296/s",
                "before the / there must be a whole number, not larger than",
            ),
            ("20/", "after the / there must be a time"),
            ("20/fortnight", "after the / there must be a time"),
            ("20/5", "after the / there must be a time"),
            ("20/s/s", "after the / there must be a time"),
        ] {
            let error = text.parse::<Pace>().unwrap_err();
            assert!(error.starts_with(said), "{text:?}: {error}");
            assert!(error.ends_with("or off"), "{error}");
        }
    }

    #[test]
    fn a_room_may_come_without_its_hash() {
        let lobby = Room("#lobby".parse().unwrap());
        for text in ["#lobby", "lobby", " #lobby "] {
            assert_eq!(text.parse(), Ok(lobby.clone()), "{text}");
        }
        for text in ["", "#", "##a", "a b", "_a"] {
            assert!(text.parse::<Room>().is_err(), "{text}");
        }
    }

    #[test]
    fn guests_are_written_as_they_are_read() {
        for guests in Guests::value_variants() {
            assert_eq!(guests.to_string().parse(), Ok(*guests));
        }
        assert_eq!("some".parse::<Guests>(), Err("it must be allow or refuse"));
    }

    #[test]
    fn a_pause_may_be_none_but_not_for_ever() {
        assert_eq!("off".parse(), Ok(Pause(Duration::ZERO)));
        assert_eq!("0s".parse(), Ok(Pause(Duration::ZERO)));
        assert!("never".parse::<Pause>().is_err());
    }
}
