//! What is drawn with: lines, circles and text at places in pixels.

use plotters::{
    coord::Shift,
    prelude::{
        Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, SVGBackend, Text,
    },
    style::{
        Color, FontStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// The background: the same on light pages and on dark ones.
pub(super) const PAPER: RGBColor = RGBColor(253, 253, 252);
pub(super) const INK: RGBColor = RGBColor(40, 40, 44);
pub(super) const FAINT: RGBColor = RGBColor(105, 105, 112);
pub(super) const GRID: RGBColor = RGBColor(228, 228, 230);

/// The size of letters, in pixels as plotters counts them.
const SIZE: f64 = 15.0;

/// Where a text is from its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Right,
    Left,
    Centre,
}

/// The same colour, but so pale that it stands back.
pub(super) fn pale(colour: RGBColor) -> RGBColor {
    let mix = |one: u8, other: u8| ((u16::from(one) + 2 * u16::from(other)) / 3) as u8;
    RGBColor(
        mix(colour.0, PAPER.0),
        mix(colour.1, PAPER.1),
        mix(colour.2, PAPER.2),
    )
}

pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws on paper of that size.
pub(super) fn draw(
    size: (u32, u32),
    drawing: impl FnOnce(&Canvas<'_>) -> Result<(), String>,
) -> Result<String, String> {
    let mut svg = String::new();
    let canvas = Canvas {
        area: SVGBackend::with_string(&mut svg, size).into_drawing_area(),
    };
    canvas.area.fill(&PAPER).map_err(cannot)?;
    drawing(&canvas)?;
    canvas.area.present().map_err(cannot)?;
    drop(canvas);
    Ok(svg)
}

impl Canvas<'_> {
    pub(super) fn line(
        &self,
        points: Vec<(i32, i32)>,
        colour: RGBColor,
        width: u32,
    ) -> Result<(), String> {
        let line = PathElement::new(points, colour.stroke_width(width));
        self.area.draw(&line).map_err(cannot)
    }

    /// From the least to the most, with a short bar at both ends.
    pub(super) fn upright_error(
        &self,
        x: i32,
        (top, bottom): (i32, i32),
        colour: RGBColor,
    ) -> Result<(), String> {
        self.line(vec![(x, top), (x, bottom)], colour, 1)?;
        self.line(vec![(x - 3, top), (x + 3, top)], colour, 1)?;
        self.line(vec![(x - 3, bottom), (x + 3, bottom)], colour, 1)
    }

    /// The same, lying.
    pub(super) fn level_error(
        &self,
        (left, right): (i32, i32),
        y: i32,
        colour: RGBColor,
    ) -> Result<(), String> {
        self.line(vec![(left, y), (right, y)], colour, 1)?;
        self.line(vec![(left, y - 3), (left, y + 3)], colour, 1)?;
        self.line(vec![(right, y - 3), (right, y + 3)], colour, 1)
    }

    pub(super) fn disc(&self, at: (i32, i32), radius: i32, colour: RGBColor) -> Result<(), String> {
        let disc = Circle::new(at, radius, colour.filled());
        self.area.draw(&disc).map_err(cannot)
    }

    pub(super) fn ring(&self, at: (i32, i32), radius: i32, colour: RGBColor) -> Result<(), String> {
        self.disc(at, radius, colour)?;
        self.disc(at, radius - 2, PAPER)
    }

    pub(super) fn text(
        &self,
        text: &str,
        at: (i32, i32),
        side: Side,
        colour: RGBColor,
    ) -> Result<(), String> {
        self.write(text, at, side, colour, SIZE, FontStyle::Normal)
    }

    pub(super) fn bold(
        &self,
        text: &str,
        at: (i32, i32),
        side: Side,
        colour: RGBColor,
    ) -> Result<(), String> {
        self.write(text, at, side, colour, SIZE, FontStyle::Bold)
    }

    pub(super) fn title(&self, text: &str, at: (i32, i32)) -> Result<(), String> {
        self.write(text, at, Side::Right, INK, SIZE + 3.0, FontStyle::Bold)
    }

    fn write(
        &self,
        text: &str,
        at: (i32, i32),
        side: Side,
        colour: RGBColor,
        size: f64,
        style: FontStyle,
    ) -> Result<(), String> {
        let anchor = match side {
            Side::Right => HPos::Left,
            Side::Left => HPos::Right,
            Side::Centre => HPos::Center,
        };
        let style = ("sans-serif", size)
            .into_font()
            .style(style)
            .color(&colour)
            .pos(Pos::new(anchor, VPos::Center));
        self.area.draw(&Text::new(text, at, style)).map_err(cannot)
    }
}

fn cannot(error: impl std::fmt::Display) -> String {
    format!("cannot draw: {error}")
}
