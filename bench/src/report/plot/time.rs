//! Plots of what changes in time: one panel for each curve, above each other, with the same time below all.

use super::{
    canvas::{self, Canvas, FAINT, GRID, INK, Side},
    scale::Scale,
    style,
};

const WIDTH: i32 = 900;
const LEFT: i32 = 80;
const RIGHT: i32 = 860;
/// From the top of a panel to its axes, from there to the bottom, and to the next panel.
const TOP: i32 = 44;
const HEIGHT: i32 = 170;
const BELOW: i32 = 30;
/// Below the last panel.
const FOOT: i32 = 30;

/// A quantity by time.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) title: &'static str,
    /// Minutes, and how much it was then.
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) fn draw(title: &str, curves: &[Curve]) -> Result<String, String> {
    let panel = TOP + HEIGHT + BELOW;
    let height = panel * curves.len() as i32 + FOOT;
    canvas::draw((WIDTH as u32, height as u32), |canvas| {
        for (number, curve) in curves.iter().enumerate() {
            let top = panel * number as i32 + TOP;
            let title = match number {
                0 => format!("{title}: {}", curve.title),
                _ => curve.title.to_owned(),
            };
            canvas.title(&title, (LEFT, top - 22))?;
            draw_panel(canvas, curve, top)?;
        }
        let middle = (LEFT + RIGHT) / 2;
        canvas.text("minutes", (middle, height - 20), Side::Centre, FAINT)
    })
}

fn draw_panel(canvas: &Canvas<'_>, curve: &Curve, top: i32) -> Result<(), String> {
    let bottom = top + HEIGHT;
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let x = Scale::linear(
        most(&mut curve.points.iter().map(|point| point.0)),
        (LEFT, RIGHT),
    );
    let y = Scale::linear(
        most(&mut curve.points.iter().map(|point| point.1)),
        (bottom, top),
    );
    for (at, text) in y.ticks() {
        canvas.line(vec![(LEFT, at), (RIGHT, at)], GRID, 1)?;
        canvas.text(&text, (LEFT - 8, at), Side::Left, INK)?;
    }
    canvas.line(vec![(LEFT, bottom), (RIGHT, bottom)], FAINT, 1)?;
    for (at, text) in x.ticks() {
        canvas.line(vec![(at, bottom), (at, bottom + 5)], FAINT, 1)?;
        canvas.text(&text, (at, bottom + 16), Side::Centre, INK)?;
    }
    let points = curve
        .points
        .iter()
        .map(|&(time, value)| (x.at(time), y.at(value)));
    canvas.line(points.collect(), style::OURS, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_even_where_nothing_is() {
        let curve = |points| Curve {
            title: "Connections",
            points,
        };
        let svg = draw(
            "chinwagd",
            &[curve(vec![(0.0, 0.0), (1.0, 9.0)]), curve(Vec::new())],
        )
        .unwrap();
        assert!(svg.contains("chinwagd: Connections"), "{svg}");
        assert!(svg.contains("<polyline"), "{svg}");
    }
}
