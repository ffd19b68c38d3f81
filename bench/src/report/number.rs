//! Numbers as they are read: three significant digits, and commas in large ones.

use super::results::Spread;

/// The median, and below it the least and the most where there is more than one.
pub(super) fn spread(spread: &Spread) -> String {
    let decimals = decimals(spread.median);
    let median = with_decimals(spread.median, decimals);
    if spread.count == 1 {
        return median;
    }
    // With the decimals of the median, so that the three can be compared at a glance.
    let (least, most) = (
        with_decimals(spread.least, decimals),
        with_decimals(spread.most, decimals),
    );
    format!("{median}<br><sub>{least}–{most}</sub>")
}

/// With three significant digits.
pub(super) fn short(value: f64) -> String {
    with_decimals(value, decimals(value))
}

/// All of it, in groups of three digits.
pub(super) fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many decimals three significant digits take; less than none for large numbers.
fn decimals(value: f64) -> i32 {
    match value.abs() {
        // Below that nothing here is more than noise.
        size if size < 1e-6 => 0,
        size => {
            let decimals = 2 - size.log10().floor() as i32;
            // 9.999 is 10.0 and not 10.00.
            let rounded = (size * 10f64.powi(decimals)).round() / 10f64.powi(decimals);
            2 - rounded.log10().floor() as i32
        }
    }
}

fn with_decimals(value: f64, decimals: i32) -> String {
    if decimals > 0 {
        return format!("{value:.*}", decimals as usize);
    }
    let unit = 10f64.powi(-decimals);
    whole(((value / unit).round() * unit).max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let all = [0.0, 0.26349, 9.999, 68.095, 123.4, 4177.9, 1_234_567.0];
        let all = all.map(short);
        assert_eq!(
            all,
            ["0", "0.263", "10.0", "68.1", "123", "4,180", "1,230,000"]
        );
        assert_eq!(whole(1_048_400), "1,048,400");
    }

    #[test]
    fn least_and_most_have_the_decimals_of_the_median() {
        let three = Spread::of(vec![9.5, 0.1, 0.12345]).unwrap();
        assert_eq!(spread(&three), "0.123<br><sub>0.100–9.500</sub>");
        let one = Spread::of(vec![0.5]).unwrap();
        assert_eq!(spread(&one), "0.500");
    }
}
