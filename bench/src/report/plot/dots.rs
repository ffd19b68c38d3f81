//! Direct messages: a row for each peer, with a dot for one message in flight and one for many.

use super::{
    canvas::{self, Canvas, FAINT, GRID, INK, Side},
    label,
    scale::Scale,
    style,
};
use crate::report::results::{Spread, Who};

const WIDTH: i32 = 900;
const LEFT: i32 = 210;
const RIGHT: i32 = 830;
const TOP: i32 = 92;
const ROW: i32 = 36;
const BELOW: i32 = 58;

#[derive(Debug)]
pub(super) struct Row {
    pub(super) who: Who,
    pub(super) one: Option<Spread>,
    pub(super) many: Option<Spread>,
}

pub(super) fn draw(rows: &[Row]) -> Result<String, String> {
    let bottom = TOP + ROW * rows.len().max(1) as i32;
    canvas::draw((WIDTH as u32, (bottom + BELOW) as u32), |canvas| {
        canvas.title("Direct messages between 100 users", (24, 24))?;
        if rows.is_empty() {
            return canvas.text("not measured", (24, TOP), Side::Right, FAINT);
        }
        legend(canvas)?;
        let all = rows.iter().flat_map(|row| [row.one, row.many]).flatten();
        let x = Scale::log(
            all.flat_map(|spread| [spread.least, spread.most]),
            (LEFT, RIGHT),
        );
        for (at, text) in x.ticks() {
            canvas.line(vec![(at, TOP - 8), (at, bottom)], GRID, 1)?;
            canvas.text(&text, (at, bottom + 14), Side::Centre, INK)?;
        }
        let unit = format!("server CPU per delivery, µs{}", x.kind());
        canvas.text(
            &unit,
            ((LEFT + RIGHT) / 2, bottom + 38),
            Side::Centre,
            FAINT,
        )?;
        rows.iter().enumerate().try_for_each(|(number, row)| {
            draw_row(canvas, row, &x, TOP + ROW * number as i32 + ROW / 2)
        })
    })
}

fn legend(canvas: &Canvas<'_>) -> Result<(), String> {
    canvas.disc((30, 54), 6, INK)?;
    canvas.text("16 messages in flight to each", (44, 54), Side::Right, INK)?;
    canvas.ring((280, 54), 6, INK)?;
    canvas.text("one", (294, 54), Side::Right, INK)
}

fn draw_row(canvas: &Canvas<'_>, row: &Row, x: &Scale, y: i32) -> Result<(), String> {
    let colour = style::colour(&row.who);
    let width = style::width(&row.who);
    let name = row.who.to_string();
    match row.who.is_ours() {
        true => canvas.bold(&name, (LEFT - 14, y), Side::Left, colour)?,
        false => canvas.text(&name, (LEFT - 14, y), Side::Left, colour)?,
    }
    let at = |spread: Option<Spread>| spread.map(|spread| (x.at(spread.median), spread));
    let (one, many) = (at(row.one), at(row.many));
    if let (Some((one, _)), Some((many, _))) = (one, many) {
        canvas.line(vec![(one, y), (many, y)], canvas::pale(colour), width)?;
    }
    let radius = if row.who.is_ours() { 7 } else { 6 };
    for (_, spread) in [many, one].into_iter().flatten() {
        if spread.count > 1 {
            canvas.level_error((x.at(spread.least), x.at(spread.most)), y, colour)?;
        }
    }
    if let Some((place, _)) = many {
        canvas.disc((place, y), radius, colour)?;
    }
    if let Some((place, _)) = one {
        canvas.ring((place, y), radius, colour)?;
    }
    // Outside of the two, beyond the bars.
    let mut all: Vec<_> = [many, one].into_iter().flatten().collect();
    all.sort_by_key(|(place, _)| *place);
    if let Some((_, spread)) = all.first().filter(|_| all.len() == 2) {
        let left = x.at(spread.least).min(x.at(spread.median) - radius) - 6;
        canvas.text(&label(spread), (left, y), Side::Left, colour)?;
    }
    if let Some((_, spread)) = all.last() {
        let right = x.at(spread.most).max(x.at(spread.median) + radius) + 6;
        canvas.text(&label(spread), (right, y), Side::Right, colour)?;
    }
    Ok(())
}
