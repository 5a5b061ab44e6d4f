//! A line chart as SVG. It has no background, and its colours can be read on a white one and on a dark one.

use std::fmt::Write as _;

/// A chart whose x axis is logarithmic.
pub struct Chart {
    pub title: String,
    pub x: &'static str,
    pub y: &'static str,
    pub lines: Vec<Line>,
}

/// Lines of one `hue` have one colour.
pub struct Line {
    pub name: String,
    pub hue: usize,
    pub is_dashed: bool,
    pub points: Vec<(f64, f64)>,
}

impl Line {
    fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }
}

const TEXT: &str = "#7d828a";
const HUES: [&str; 8] = ["#2f81f7", "#d9730d", "#2da44e", "#cf4a4a", "#a371f7", "#b08800", "#0f9b9b", "#d6539b"];
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 460.0;
/// The axes: left, right, top, bottom.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 400.0;

/// From figures to places.
struct Scale {
    x: (f64, f64),
    y: f64,
}

impl Scale {
    fn of(lines: &[Line]) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        let least = points().map(|point| point.0.log10()).fold(f64::INFINITY, f64::min);
        let most = points().map(|point| point.0.log10()).fold(f64::NEG_INFINITY, f64::max);
        let highest = points().map(|point| point.1).fold(1.0, f64::max);
        // One size alone stands in the middle.
        let x = if most > least { (least, most) } else { (least - 1.0, least + 1.0) };
        let step = step(highest);
        Self { x, y: (highest / step).ceil() * step }
    }

    fn x(&self, rows: f64) -> f64 {
        LEFT + (rows.log10() - self.x.0) / (self.x.1 - self.x.0) * (RIGHT - LEFT)
    }

    fn y(&self, figure: f64) -> f64 {
        BOTTOM - figure / self.y * (BOTTOM - TOP)
    }
}

/// Between two grid lines: 1, 2 or 5 times a power of ten, for 4 to 10 of them.
fn step(highest: f64) -> f64 {
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [0.1, 0.2, 0.5, 1.0].map(|part| part * power);
    steps.into_iter().find(|step| highest / step <= 10.0).unwrap_or(power)
}

impl Chart {
    pub fn to_svg(&self) -> String {
        let scale = Scale::of(&self.lines);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"{TEXT}\" role=\"img\">\n\
             <title>{0}</title>\n<text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{0}</text>\n",
            escaped(&self.title)
        );
        self.draw_grid(&scale, &mut svg);
        for line in &self.lines {
            draw(line, &scale, &mut svg);
        }
        self.draw_legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_grid(&self, scale: &Scale, svg: &mut String) {
        let step = step(scale.y);
        let lines = std::iter::successors(Some(0.0), |figure| Some(figure + step));
        for figure in lines.take_while(|figure| *figure <= scale.y + step / 2.0) {
            let y = scale.y(figure);
            let digits = usize::from(step < 1.0);
            rule(svg, (LEFT, y), (RIGHT, y));
            text(svg, (LEFT - 8.0, y + 4.5), "end", &format!("{figure:.digits$}"));
        }
        let mut sizes: Vec<f64> = self.lines.iter().flat_map(|line| &line.points).map(|point| point.0).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for size in sizes {
            let x = scale.x(size);
            rule(svg, (x, TOP), (x, BOTTOM + 5.0));
            text(svg, (x, BOTTOM + 22.0), "middle", &spaced(size));
        }
        let middle = f64::midpoint(TOP, BOTTOM);
        text(svg, (f64::midpoint(LEFT, RIGHT), BOTTOM + 46.0), "middle", self.x);
        let y = escaped(self.y);
        let _infallible = writeln!(
            svg,
            "<text x=\"20\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 20 {middle})\">{y}</text>"
        );
    }

    /// In the order in which the lines end, the highest first.
    fn draw_legend(&self, svg: &mut String) {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by(|a, b| b.last().total_cmp(&a.last()));
        let mut y = TOP + 8.0;
        for line in lines {
            let (from, to) = (RIGHT + 24.0, RIGHT + 56.0);
            let _infallible = writeln!(svg, "<path d=\"M{from} {y}H{to}\" {}/>", stroke(line));
            text(svg, (to + 8.0, y + 4.5), "start", &line.name);
            y += 22.0;
        }
    }
}

fn draw(line: &Line, scale: &Scale, svg: &mut String) {
    let colour = colour(line);
    let places: Vec<_> = line.points.iter().map(|point| (scale.x(point.0), scale.y(point.1))).collect();
    let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _infallible = writeln!(svg, "<polyline points=\"{}\" {}/>", path.join(" "), stroke(line));
    for ((x, y), (rows, figure)) in places.iter().zip(&line.points) {
        let told = escaped(&format!("{}, {} rows: {figure:.1}", line.name, spaced(*rows)));
        let _infallible = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"><title>{told}</title></circle>"
        );
    }
}

fn colour(line: &Line) -> &'static str {
    HUES[line.hue % HUES.len()]
}

fn stroke(line: &Line) -> String {
    let dashes = if line.is_dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    format!("fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{dashes}", colour(line))
}

fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _infallible = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{TEXT}\" stroke-opacity=\"0.3\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    let _infallible =
        writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{words}</text>", at.0, at.1);
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// 10 000 000.
pub fn spaced(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(" ")
}
