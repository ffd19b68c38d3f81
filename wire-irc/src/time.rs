//! Moments as text, in UTC.

use std::{
    fmt::{self, Write},
    time::{Duration, SystemTime},
};

/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The last moment that has a year of four digits, in seconds since 1970.
const LAST: u64 = 253_402_300_799;

/// Since the beginning of 1970; nothing for what was before.
pub(crate) fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The seconds since the beginning of 1970.
pub(crate) fn seconds(at: SystemTime) -> u64 {
    since_epoch(at).as_secs()
}

/// A day, and the time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    weekday: usize,
}

impl Civil {
    fn new(seconds: u64) -> Self {
        let seconds = seconds.min(LAST);
        let (days, time) = (seconds / DAY, seconds % DAY);
        // Counted from the 1st of March of the year 0, so that a leap day is the last day of its year. 400 years have
        // 146,097 days, and five months from March on have 153.
        let days_since = days + 719_468;
        let era = days_since / 146_097;
        let of_era = days_since % 146_097;
        let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * years + years / 4 - years / 100);
        let months = (5 * of_year + 2) / 153;
        let month = if months < 10 { months + 3 } else { months - 9 };
        Self {
            year: era * 400 + years + u64::from(month <= 2),
            month,
            day: of_year - (153 * months + 2) / 5 + 1,
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
            // The first day of 1970 was a Thursday.
            weekday: usize::try_from((days + 4) % 7).unwrap_or_default(),
        }
    }
}

/// A moment as the tag `time` has it: `2011-10-19T16:40:51.620Z`. See
/// [server-time](https://ircv3.net/specs/extensions/server-time).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Iso {
    text: [u8; 24],
}

impl Iso {
    /// The moment so many milliseconds after the beginning of 1970.
    pub(crate) fn from_millis(millis: u64) -> Self {
        let at = Civil::new(millis / 1000);
        let mut iso = Self {
            text: *b"0000-00-00T00:00:00.000Z",
        };
        iso.put(0, 4, at.year);
        iso.put(5, 2, at.month);
        iso.put(8, 2, at.day);
        iso.put(11, 2, at.hour);
        iso.put(14, 2, at.minute);
        iso.put(17, 2, at.second);
        iso.put(20, 3, millis % 1000);
        iso
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// Writes the last digits of a number.
    fn put(&mut self, at: usize, digits: usize, number: u64) {
        let mut rest = number;
        for place in self.text[at..at + digits].iter_mut().rev() {
            *place = b"0123456789"[usize::try_from(rest % 10).unwrap_or_default()];
            rest /= 10;
        }
    }
}

/// A moment for people: `Wed, 19 Oct 2011 16:40:51 UTC`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForPeople(pub(crate) SystemTime);

impl fmt::Display for ForPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let at = Civil::new(seconds(self.0));
        let month = usize::try_from(at.month).unwrap_or(1).clamp(1, 12);
        f.write_str(WEEKDAYS[at.weekday % 7])?;
        f.write_char(',')?;
        write!(
            f,
            " {:02} {} {:04} {:02}:{:02}:{:02} UTC",
            at.day,
            MONTHS[month - 1],
            at.year,
            at.hour,
            at.minute,
            at.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_what_a_calendar_says() {
        for (millis, iso) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_319_042_451_620, "2011-10-19T16:40:51.620Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (4_107_542_400_001, "2100-03-01T00:00:00.001Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.615Z"),
        ] {
            assert_eq!(Iso::from_millis(millis).as_str(), iso);
        }
    }

    #[test]
    fn and_people_know_the_day_of_the_week() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let text = |seconds| ForPeople(at(seconds)).to_string();
        assert_eq!(text(0), "Thu, 01 Jan 1970 00:00:00 UTC");
        assert_eq!(text(1_319_042_451), "Wed, 19 Oct 2011 16:40:51 UTC");
        assert_eq!(seconds(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
