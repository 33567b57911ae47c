//! How a figure looks: a title that says what is shown, two named axes with units, lines labelled at their ends,
//! whiskers from the least to the greatest round, hollow dots where viewers lost something, and the
//! circumstances underneath.

use std::path::Path;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::axis::{Axis, Scale, label};

/// Width and height in pixels of the SVG; the PNG has [`PNG_SCALE`] times as many.
const SIZE: (u32, u32) = (960, 600);
const PNG_SCALE: u32 = 2;
/// The SVG backend writes letters smaller than asked by this factor; the bitmap one does not.
const SVG_TEXT_SCALE: f64 = 1.24;
/// Margins around the plot: left, right (line labels), top (title), bottom (axis and caption).
const LEFT: i32 = 90;
const RIGHT: i32 = 150;
const TOP: i32 = 84;
const BOTTOM: i32 = 120;
/// Least distance between the labels of two lines.
const LABEL_HEIGHT: f64 = 20.0;
/// Least distance between the names of two values of the x axis; of closer ones the first is named.
const TICK_WIDTH: f64 = 24.0;
/// Distance between the whiskers of two lines at the same place.
const WHISKER_STEP: f64 = 3.0;
/// Most characters of a caption line.
const CAPTION_CHARS: usize = 150;

const INK: RGBColor = RGBColor(34, 34, 34);
const SOFT: RGBColor = RGBColor(102, 102, 102);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Colours that are distinguishable with any colour vision (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(120, 94, 10),
    RGBColor(86, 180, 233),
];

/// One figure.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x_title: &'static str,
    pub(super) x_scale: Scale,
    pub(super) y_title: &'static str,
    pub(super) y_scale: Scale,
    pub(super) lines: Vec<Line>,
    pub(super) caption: String,
}

/// One line of a figure.
pub(super) struct Line {
    pub(super) label: String,
    /// Index of its colour.
    pub(super) colour: usize,
    pub(super) dashed: bool,
    /// Radius of its dots.
    pub(super) radius: i32,
    pub(super) dots: Vec<Dot>,
}

/// One measured point.
pub(super) struct Dot {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Its least and greatest value in a round.
    pub(super) spread: (f64, f64),
    /// Whether viewers lost or skipped something here.
    pub(super) hollow: bool,
    /// Whether the generator lacked CPU here, so that the figure may describe the generator.
    pub(super) hampered: bool,
    /// Cores used by other programs meanwhile.
    pub(super) others: f64,
}

type Drawn = Result<(), String>;

impl Chart {
    /// Writes `name.svg` and `name.png` into the folder `out`.
    pub(super) fn save(&self, out: &Path, name: &str) -> Drawn {
        register_font()?;
        let path = out.join(name);
        let svg = path.with_extension("svg");
        Canvas::new(SVGBackend::new(&svg, SIZE), 1, SVG_TEXT_SCALE).draw(self)?;
        let png = path.with_extension("png");
        let size = (SIZE.0 * PNG_SCALE, SIZE.1 * PNG_SCALE);
        Canvas::new(BitMapBackend::new(&png, size), PNG_SCALE as i32, PNG_SCALE.into()).draw(self)
    }

    fn x_axis(&self) -> Axis {
        let values: Vec<f64> = self.dots().map(|dot| dot.x).collect();
        Axis::new(self.x_scale, &values)
    }

    fn y_axis(&self) -> Axis {
        let values: Vec<f64> = self.dots().flat_map(|dot| [dot.y, dot.spread.0, dot.spread.1]).collect();
        Axis::new(self.y_scale, &values)
    }

    fn dots(&self) -> impl Iterator<Item = &Dot> {
        self.lines.iter().flat_map(|line| &line.dots)
    }
}

/// The font is part of the program, so that figures look the same on every machine.
fn register_font() -> Drawn {
    register_font_bytes(epaint_default_fonts::UBUNTU_LIGHT)
}

fn register_font_bytes(font: &'static [u8]) -> Drawn {
    plotters::style::register_font("sans-serif", FontStyle::Normal, font)
        .map_err(|_| "the built-in font cannot be read".into())
}

/// A drawing area in which lengths are those of [`SIZE`], whatever the pixels.
struct Canvas<B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    scale: i32,
    text_scale: f64,
}

impl<B: DrawingBackend> Canvas<B> {
    fn new(backend: B, scale: i32, text_scale: f64) -> Self {
        Self { area: backend.into_drawing_area(), scale, text_scale }
    }

    fn draw(&self, chart: &Chart) -> Drawn {
        self.area.fill(&WHITE).map_err(text_of)?;
        let (x, y) = (chart.x_axis(), chart.y_axis());
        self.text(&chart.title, (LEFT - 60, 14), 24, &INK, HPos::Left, false)?;
        self.axes(chart, &x, &y)?;
        let mut ends = Vec::new();
        // The first line is drawn last, so that it is visible where several meet.
        for line in chart.lines.iter().rev() {
            ends.extend(self.line(line, &x, &y)?.map(|end| (end, line)));
        }
        self.line_labels(ends)?;
        let lines = chart.caption.lines().flat_map(|line| wrap(line, CAPTION_CHARS));
        for (number, line) in lines.enumerate() {
            let top = SIZE.1 as i32 - 66 + 16 * number as i32;
            self.text(&line, (LEFT - 60, top), 13, &SOFT, HPos::Left, false)?;
        }
        self.area.present().map_err(text_of)
    }

    fn axes(&self, chart: &Chart, x: &Axis, y: &Axis) -> Drawn {
        let (left, right, top, bottom) = plot_area();
        for &tick in y.ticks() {
            let at = y_at(y, tick);
            self.path(&[(left, at), (right, at)], &GRID, 1)?;
            self.text(&label(tick), (LEFT - 8, at.round() as i32), 14, &INK, HPos::Right, true)?;
        }
        let mut labelled = f64::NEG_INFINITY;
        for &tick in x.ticks() {
            let at = x_at(x, tick);
            self.path(&[(at, bottom), (at, bottom + 5.0)], &INK, 1)?;
            if at - labelled < TICK_WIDTH {
                continue;
            }
            labelled = at;
            self.text(&label(tick), (at.round() as i32, bottom as i32 + 9), 14, &INK, HPos::Center, false)?;
        }
        self.path(&[(left, bottom), (right, bottom)], &INK, 1)?;
        let middle = ((left + right) / 2.0) as i32;
        self.text(chart.x_title, (middle, bottom as i32 + 30), 15, &INK, HPos::Center, false)?;
        let scale = if chart.y_scale == Scale::Log { " (log scale)" } else { "" };
        let y_title = format!("{}{scale}", chart.y_title);
        self.text(&y_title, (LEFT - 60, top as i32 - 32), 15, &SOFT, HPos::Left, false)
    }

    /// Draws a line; returns the height at which it ends.
    fn line(&self, line: &Line, x: &Axis, y: &Axis) -> Result<Option<f64>, String> {
        let colour = &COLOURS[line.colour % COLOURS.len()];
        let at = |dot: &Dot| (x_at(x, dot.x), y_at(y, dot.y));
        let places: Vec<(f64, f64)> = line.dots.iter().map(at).collect();
        if line.dashed {
            places.windows(2).try_for_each(|pair| self.dashes(pair[0], pair[1], colour))?;
        } else {
            self.path(&places, colour, 2)?;
        }
        for dot in &line.dots {
            let place = at(dot);
            let (low, high) = (y_at(y, dot.spread.0), y_at(y, dot.spread.1));
            // Whiskers of lines that meet are drawn side by side.
            let beside = place.0 + WHISKER_STEP * (line.colour as f64 - 1.0);
            self.path(&[(beside, low), (beside, high)], colour, 1)?;
            for end in [low, high].into_iter().filter(|_| (low - high).abs() > 1.0) {
                self.path(&[(beside - 3.0, end), (beside + 3.0, end)], colour, 1)?;
            }
            let centre = self.pixels(place);
            let fill = if dot.hollow { WHITE } else { *colour };
            self.area.draw(&Circle::new(centre, line.radius * self.scale, fill.filled())).map_err(text_of)?;
            let ring = colour.stroke_width(2 * self.scale as u32);
            self.area.draw(&Circle::new(centre, line.radius * self.scale, ring)).map_err(text_of)?;
        }
        Ok(line.dots.last().map(|dot| at(dot).1))
    }

    /// Writes each line's label at its end, pushed down where two would overlap.
    fn line_labels(&self, mut ends: Vec<(f64, &Line)>) -> Drawn {
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (_, right, _, bottom) = plot_area();
        let mut heights: Vec<f64> = ends.iter().map(|end| end.0).collect();
        for place in 1..heights.len() {
            heights[place] = heights[place].max(heights[place - 1] + LABEL_HEIGHT);
        }
        // Labels that were pushed out at the bottom push the others up.
        let mut most = bottom;
        for height in heights.iter_mut().rev() {
            *height = height.min(most);
            most = *height - LABEL_HEIGHT;
        }
        for (height, (_, line)) in heights.into_iter().zip(ends) {
            let colour = &COLOURS[line.colour % COLOURS.len()];
            let place = (right as i32 + 12, height.round() as i32);
            self.text(&line.label, place, 15, colour, HPos::Left, true)?;
        }
        Ok(())
    }

    fn dashes(&self, from: (f64, f64), to: (f64, f64), colour: &RGBColor) -> Drawn {
        const DASH: f64 = 7.0;
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let along = |distance: f64| {
            let share = (distance / length).min(1.0);
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        for dash in 0..(length / (2.0 * DASH)).ceil() as u32 {
            let start = f64::from(dash) * 2.0 * DASH;
            self.path(&[along(start), along(start + DASH)], colour, 2)?;
        }
        Ok(())
    }

    fn path(&self, points: &[(f64, f64)], colour: &RGBColor, width: u32) -> Drawn {
        let points: Vec<(i32, i32)> = points.iter().map(|&point| self.pixels(point)).collect();
        let style = colour.stroke_width(width * self.scale as u32);
        self.area.draw(&PathElement::new(points, style)).map_err(text_of)
    }

    /// `centred`: the place is the middle of the text's height, else its top.
    fn text(
        &self,
        text: &str,
        place: (i32, i32),
        size: i32,
        colour: &RGBColor,
        side: HPos,
        centred: bool,
    ) -> Drawn {
        let height = if centred { VPos::Center } else { VPos::Top };
        let style = ("sans-serif", f64::from(size) * self.text_scale)
            .into_font()
            .color(colour)
            .pos(Pos::new(side, height));
        let place = (place.0 * self.scale, place.1 * self.scale);
        self.area.draw(&Text::new(text.to_owned(), place, style)).map_err(text_of)
    }

    fn pixels(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let scale = f64::from(self.scale);
        ((x * scale).round() as i32, (y * scale).round() as i32)
    }
}

/// Left, right, top and bottom of the plot itself.
fn plot_area() -> (f64, f64, f64, f64) {
    let (width, height) = (SIZE.0 as i32, SIZE.1 as i32);
    (LEFT.into(), (width - RIGHT).into(), TOP.into(), (height - BOTTOM).into())
}

fn x_at(axis: &Axis, value: f64) -> f64 {
    let (left, right, ..) = plot_area();
    left + (right - left) * axis.place(value)
}

fn y_at(axis: &Axis, value: f64) -> f64 {
    let (_, _, top, bottom) = plot_area();
    bottom - (bottom - top) * axis.place(value)
}

fn text_of<E: std::fmt::Debug>(error: E) -> String {
    format!("{error:?}")
}

/// Cuts `text` at spaces into lines of at most `most` characters.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_wrap_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
    }
}
