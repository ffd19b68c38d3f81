//! Plots with a line for each peer, whose name stands at its end.

use super::{
    canvas::{self, Canvas, FAINT, GRID, INK, Side},
    label,
    scale::Scale,
    style,
};
use crate::report::results::{Spread, Who};

const WIDTH: i32 = 900;
const LEFT: i32 = 70;
const RIGHT: i32 = 680;
/// Where the names at the ends of lines begin.
const NAMES: i32 = 708;
/// From the top of a panel to its axes, from there to the bottom, and to the next panel.
const TOP: i32 = 62;
const HEIGHT: i32 = 290;
const BELOW: i32 = 58;
/// From one name to the next, at least.
const APART: i32 = 17;

/// One drawing: panels above each other with the same axes, so that they can be compared.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) series: Vec<Series>,
}

/// What a peer took, by what is on the axis.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) who: Who,
    pub(super) points: Vec<(u64, Spread)>,
}

pub(super) fn draw(plot: &Plot) -> Result<String, String> {
    let height = (TOP + HEIGHT + BELOW) * plot.panels.len() as i32;
    canvas::draw((WIDTH as u32, height as u32), |canvas| {
        for (number, panel) in plot.panels.iter().enumerate() {
            let top = (TOP + HEIGHT + BELOW) * number as i32;
            canvas.title(&panel.title, (LEFT, top + 20))?;
            if panel.series.is_empty() {
                canvas.text("not measured", (LEFT, top + TOP), Side::Right, FAINT)?;
                continue;
            }
            let (x, y) = axes(plot, (top + TOP + HEIGHT, top + TOP));
            frame(canvas, plot, (&x, &y), top + TOP)?;
            // Ours last, so that nothing lies on them.
            let (ours, others): (Vec<_>, Vec<_>) =
                panel.series.iter().partition(|series| series.who.is_ours());
            for series in others.into_iter().chain(ours.into_iter().rev()) {
                line(canvas, series, (&x, &y))?;
            }
            names(canvas, panel, (&x, &y), top + TOP)?;
        }
        Ok(())
    })
}

/// The same for all panels, but for where they are.
fn axes(plot: &Plot, pixels: (i32, i32)) -> (Scale, Scale) {
    let points = plot.panels.iter().flat_map(|panel| &panel.series);
    let points = points.flat_map(|series| &series.points);
    let values: Vec<_> = points.clone().map(|(x, _)| *x as f64).collect();
    let x = Scale::of_values(&values, (LEFT, RIGHT));
    let y = Scale::fitting(
        points.flat_map(|(_, spread)| [spread.least, spread.most]),
        pixels,
    );
    (x, y)
}

fn frame(
    canvas: &Canvas<'_>,
    plot: &Plot,
    (x, y): (&Scale, &Scale),
    top: i32,
) -> Result<(), String> {
    let bottom = top + HEIGHT;
    let unit = format!("{}{}", plot.y, y.kind());
    canvas.text(&unit, (LEFT, top - 20), Side::Right, FAINT)?;
    for (at, text) in y.ticks() {
        canvas.line(vec![(LEFT, at), (RIGHT, at)], GRID, 1)?;
        canvas.text(&text, (LEFT - 8, at), Side::Left, INK)?;
    }
    canvas.line(vec![(LEFT, bottom), (RIGHT, bottom)], FAINT, 1)?;
    for (at, text) in x.ticks() {
        canvas.line(vec![(at, bottom), (at, bottom + 5)], FAINT, 1)?;
        canvas.text(&text, (at, bottom + 16), Side::Centre, INK)?;
    }
    let unit = format!("{}{}", plot.x, x.kind());
    canvas.text(
        &unit,
        ((LEFT + RIGHT) / 2, bottom + 38),
        Side::Centre,
        FAINT,
    )
}

fn line(canvas: &Canvas<'_>, series: &Series, (x, y): (&Scale, &Scale)) -> Result<(), String> {
    let colour = style::colour(&series.who);
    let width = style::width(&series.who);
    let at = |(value, spread): &(u64, Spread)| (x.at(*value as f64), y.at(spread.median));
    let points: Vec<_> = series.points.iter().map(at).collect();
    for (point, (_, spread)) in points.iter().zip(&series.points) {
        if spread.count > 1 {
            canvas.upright_error(point.0, (y.at(spread.most), y.at(spread.least)), colour)?;
        }
        canvas.disc(*point, width as i32 + 1, colour)?;
    }
    canvas.line(points, colour, width)
}

/// At the ends of the lines, moved as far as they need to be to have room, with a thin line to where they belong.
fn names(
    canvas: &Canvas<'_>,
    panel: &Panel,
    (x, y): (&Scale, &Scale),
    top: i32,
) -> Result<(), String> {
    let end = |series| -> Option<_> {
        let series: &Series = series;
        let (value, spread) = series.points.last()?;
        Some((y.at(spread.median), x.at(*value as f64), series, *spread))
    };
    let mut ends: Vec<_> = panel.series.iter().filter_map(end).collect();
    ends.sort_by_key(|(y, ..)| *y);
    let wanted: Vec<_> = ends.iter().map(|(y, ..)| *y).collect();
    let places = spaced(&wanted, (top, top + HEIGHT));
    for ((from_y, from_x, series, spread), place) in ends.into_iter().zip(places) {
        let colour = style::colour(&series.who);
        canvas.line(
            vec![(from_x + 6, from_y), (NAMES - 5, place)],
            canvas::pale(colour),
            1,
        )?;
        let text = format!("{} {}", series.who, label(&spread));
        match series.who.is_ours() {
            true => canvas.bold(&text, (NAMES, place), Side::Right, colour)?,
            false => canvas.text(&text, (NAMES, place), Side::Right, colour)?,
        }
    }
    Ok(())
}

/// Places near the wanted ones, which are sorted, that are far enough from each other.
fn spaced(wanted: &[i32], (top, bottom): (i32, i32)) -> Vec<i32> {
    // Those that touch become a block that stands around the mean of what they wanted.
    let mut blocks: Vec<(Vec<i32>, i32)> = Vec::new();
    for &place in wanted {
        blocks.push((vec![place], place));
        while let [.., above, below] = &blocks[..]
            && below.1 < above.1 + APART * above.0.len() as i32
        {
            let both = [&above.0[..], &below.0[..]].concat();
            let height = APART * (both.len() as i32 - 1);
            let mean = both.iter().sum::<i32>() / both.len() as i32;
            let first = (mean - height / 2).min(bottom - height).max(top);
            blocks.truncate(blocks.len() - 2);
            blocks.push((both, first));
        }
    }
    let all = blocks.iter().flat_map(|(block, first)| {
        (0..block.len()).map(move |number| first + APART * number as i32)
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_touch() {
        assert_eq!(spaced(&[10, 100], (0, 200)), [10, 100]);
        let places = spaced(&[50, 50, 52, 60, 199, 200], (0, 200));
        assert!(
            places.windows(2).all(|pair| pair[1] - pair[0] >= APART),
            "{places:?}"
        );
        assert!(
            places.iter().all(|place| (0..=200).contains(place)),
            "{places:?}"
        );
    }
}
