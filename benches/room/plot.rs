//! Latency against load, as a picture.

use std::fmt::Write;

use crate::report::Row;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

const COLOURS: [&str; 5] = ["#d62728", "#1f77b4", "#2ca02c", "#7f7f7f", "#9467bd"];

/// The rows of each load, in lines per second and sender.
pub type Points = Vec<(u32, Vec<Row>)>;

/// An SVG of the median latency (whole lines) and the 99th percentile (dashed) against the load;
/// both axes are logarithmic.
pub fn svg(points: &Points, senders: u32, clients: u32) -> String {
    let rates: Vec<f64> = points.iter().map(|(rate, _)| f64::from(rate * senders)).collect();
    let latencies = points
        .iter()
        .flat_map(|(_, rows)| rows)
        .flat_map(|row| [0.5, 0.99].into_iter().filter_map(|quantile| row.latency(quantile)));
    let (low, high) =
        latencies.fold((f64::MAX, f64::MIN), |(low, high), ms| (low.min(ms), high.max(ms)));
    let x = Axis::around(rates[0], rates[rates.len() - 1], LEFT, WIDTH - RIGHT);
    let y = Axis::around(low, high, HEIGHT - BOTTOM, TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\">Latency in ms, p50 (line) and p99 (dashed): {clients} clients, \
         {senders} of them speak</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">lines per second in all, each delivered to \
         {} others</text>\n",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 12.0,
        clients - 1,
    );
    for value in x.ticks() {
        let at = x.place(value);
        let (top, bottom) = (TOP, HEIGHT - BOTTOM);
        svg += &format!(
            "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#eee\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>\n",
            bottom + 16.0
        );
    }
    for value in y.ticks() {
        let at = y.place(value);
        let right = WIDTH - RIGHT;
        svg += &format!(
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#eee\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>\n",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (i, colour) in COLOURS.iter().enumerate().take(points[0].1.len()) {
        for (quantile, dashes) in [(0.5, ""), (0.99, " stroke-dasharray=\"5 4\"")] {
            let mut path = String::new();
            let mut last = None;
            for ((_, rows), &rate) in points.iter().zip(&rates) {
                let Some(ms) = rows[i].latency(quantile) else { continue };
                let to = (x.place(rate), y.place(ms));
                let command = if last.is_none() { 'M' } else { 'L' };
                write!(path, "{command}{:.1} {:.1}", to.0, to.1).expect("a String takes all");
                last = Some(to);
            }
            svg += &format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>\n"
            );
            if let Some((to_x, to_y)) = last.filter(|_| dashes.is_empty()) {
                let name = points[0].1[i].target.name();
                svg += &format!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>\n",
                    to_x + 8.0,
                    to_y + 4.0
                );
            }
        }
    }
    svg + "</svg>\n"
}

/// A logarithmic axis, from `low` to `high`, drawn from `from` to `to`.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn around(low: f64, high: f64, from: f64, to: f64) -> Axis {
        Axis { low: low * 0.8, high: high * 1.25, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }

    /// 1, 2 and 5 times the powers of ten.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let values =
            (-4..8).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
        let (low, high) = (self.low, self.high);
        values.filter(move |value| (low..=high).contains(value))
    }
}
