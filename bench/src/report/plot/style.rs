//! How each peer looks, the same in all plots: chinwag in blue and thick, the others in muted colours.

use plotters::prelude::RGBColor;

use super::super::results::Who;

/// Where there is nobody else.
pub(super) const OURS: RGBColor = RGBColor(8, 48, 107);

pub(super) fn colour(who: &Who) -> RGBColor {
    match who.peer.as_str() {
        "chinwagd-tokio" => OURS,
        "chinwagd-smol" => RGBColor(24, 90, 175),
        "chinwagd-async-std" => RGBColor(56, 132, 214),
        "chinwagd-threads" => RGBColor(66, 158, 190),
        "chinwagd-irc" => RGBColor(92, 104, 196),
        "relay" => RGBColor(70, 70, 74),
        "relay-batched" => RGBColor(128, 128, 132),
        "tokio-drain" => RGBColor(140, 90, 40),
        "tokio-mpsc" => RGBColor(184, 132, 52),
        "redis" => RGBColor(168, 72, 72),
        "asyncio" => RGBColor(110, 124, 50),
        "threads" => RGBColor(138, 90, 140),
        "ngircd" => RGBColor(70, 128, 100),
        _ => RGBColor(160, 90, 120),
    }
}

pub(super) fn width(who: &Who) -> u32 {
    match who.is_ours() {
        true => 3,
        false => 1,
    }
}
