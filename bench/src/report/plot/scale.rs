//! From values to pixels.

use super::super::number;

/// Above that, a logarithmic axis shows more.
const WIDE: f64 = 10.0;

/// An axis: its range of values and of pixels.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    is_log: bool,
    pixels: (i32, i32),
    ticks: Vec<f64>,
}

impl Scale {
    /// Logarithmic, with round numbers at both ends.
    pub(super) fn log(values: impl Iterator<Item = f64>, pixels: (i32, i32)) -> Self {
        let (least, most) = ends(values);
        let (from, to) = (round_below(least), round_above(most));
        let mut ticks = vec![from];
        // Away from a round number a little, so that the next one is found.
        while let Some(next) = ticks.last().map(|last| round_above(last * 1.01))
            && next <= to * 1.01
        {
            ticks.push(next);
        }
        if ticks.len() > 8 {
            ticks.retain(|tick| (tick.log10() - tick.log10().round()).abs() < 0.01);
        }
        Self {
            from,
            to,
            is_log: true,
            pixels,
            ticks,
        }
    }

    /// Logarithmic where the values are far apart, and from 0 where they are not.
    pub(super) fn fitting(values: impl Iterator<Item = f64> + Clone, pixels: (i32, i32)) -> Self {
        let (least, most) = ends(values.clone());
        if most > least * WIDE {
            return Self::log(values, pixels);
        }
        Self::linear(most, pixels)
    }

    /// From 0 to a round number that is not less than `most`.
    pub(super) fn linear(most: f64, pixels: (i32, i32)) -> Self {
        // An axis where all is 0 has to end somewhere.
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_above(most / 6.0);
        let count = (most / step).ceil().max(1.0);
        Self {
            from: 0.0,
            to: step * count,
            is_log: false,
            pixels,
            ticks: (0..=count as u32)
                .map(|tick| step * f64::from(tick))
                .collect(),
        }
    }

    /// Logarithmic, and the values themselves are on the axis.
    pub(super) fn of_values(values: &[f64], pixels: (i32, i32)) -> Self {
        let (least, most) = ends(values.iter().copied());
        let margin = (most / least).powf(0.04).max(1.3);
        let mut scale = Self {
            from: least / margin,
            to: most * margin,
            is_log: true,
            pixels,
            ticks: Vec::new(),
        };
        // From the largest down, where there is room for the numbers.
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values.dedup();
        for value in values.into_iter().rev() {
            let last = scale.ticks.last().copied();
            if last.is_none_or(|last| scale.at(last) - scale.at(value) >= 62) {
                scale.ticks.push(value);
            }
        }
        scale
    }

    pub(super) fn at(&self, value: f64) -> i32 {
        let share = match self.is_log {
            true => (value / self.from).ln() / (self.to / self.from).ln(),
            false => (value - self.from) / (self.to - self.from),
        };
        let (from, to) = (f64::from(self.pixels.0), f64::from(self.pixels.1));
        (from + share * (to - from)).round() as i32
    }

    /// Where the numbers stand, and what they are.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (i32, String)> {
        self.ticks.iter().map(|&tick| (self.at(tick), text(tick)))
    }

    /// To be said at the axis.
    pub(super) fn kind(&self) -> &'static str {
        match self.is_log {
            true => " (logarithmic)",
            false => "",
        }
    }
}

/// As short as it is on an axis.
fn text(tick: f64) -> String {
    match tick {
        tick if tick >= 1.0 && tick.fract() < 1e-9 => number::whole(tick as u64),
        tick => {
            let text = format!("{tick:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| {
        (value.min(least), value.max(most))
    })
}

/// The next of 1, 2, 5, 10, 20, …, that is not less.
fn round_above(value: f64) -> f64 {
    let unit = 10f64.powf(value.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|digit| tidy(digit * unit));
    round
        .into_iter()
        .find(|round| *round >= value)
        .unwrap_or(round[3])
}

/// The last of them that is not more.
fn round_below(value: f64) -> f64 {
    let unit = 10f64.powf(value.log10().floor());
    let round = [5.0, 2.0, 1.0].map(|digit| tidy(digit * unit));
    round
        .into_iter()
        .find(|round| *round <= value)
        .unwrap_or(round[2])
}

/// Without what the logarithm left behind the last digit.
fn tidy(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scale: &Scale) -> Vec<String> {
        scale.ticks().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let scale = Scale::log([0.26, 7.4].into_iter(), (0, 100));
        assert_eq!(shown(&scale), ["0.2", "0.5", "1", "2", "5", "10"]);
        let scale = Scale::fitting([900.0, 2_300.0].into_iter(), (0, 100));
        assert_eq!(
            shown(&scale),
            ["0", "500", "1,000", "1,500", "2,000", "2,500"]
        );
    }

    #[test]
    fn numbers_that_would_touch_are_left_out() {
        let values = [1_000.0, 1_010.0, 100_000.0];
        let scale = Scale::of_values(&values, (0, 500));
        assert_eq!(shown(&scale), ["100,000", "1,010"]);
    }

    #[test]
    fn a_logarithmic_axis_is_even() {
        let scale = Scale::log([1.0, 100.0].into_iter(), (100, 0));
        assert_eq!(
            [1.0, 10.0, 100.0].map(|value| scale.at(value)),
            [100, 50, 0]
        );
    }
}
