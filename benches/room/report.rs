//! The outcomes as a table: medians over the rounds, and how the others compare.

use std::fmt::Write;

use crate::outcome::Outcome;
use crate::target::Target;

/// A program's outcomes in one scenario, round by round; or why there are none.
pub struct Row {
    pub target: Target,
    pub outcomes: Result<Vec<Outcome>, String>,
}

impl Row {
    /// The median over the rounds of what `value` takes out of an outcome.
    pub fn median(&self, value: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.outcomes.as_ref().ok()?.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    pub fn rate(&self) -> Option<f64> {
        self.median(|outcome| Some(outcome.deliveries as f64 / outcome.time.as_secs_f64()))
    }

    /// In microseconds.
    fn cpu(&self) -> Option<f64> {
        self.median(|o| Some(o.cpu?.as_secs_f64() * 1e6 / (o.deliveries as f64).max(1.0)))
    }

    /// The same, and what the store that the servers share has used.
    fn cpu_with_store(&self) -> Option<f64> {
        let all = |o: &Outcome| Some(o.cpu? + o.store_cpu.unwrap_or_default());
        self.median(|o| Some(all(o)?.as_secs_f64() * 1e6 / (o.deliveries as f64).max(1.0)))
    }

    /// In milliseconds.
    pub fn latency(&self, quantile: f64) -> Option<f64> {
        self.median(|outcome| Some(outcome.latency.value_at_quantile(quantile) as f64 / 1e6))
    }

    fn megabytes(&self) -> Option<f64> {
        self.median(|outcome| Some(outcome.peak_memory? as f64 / f64::from(1 << 20)))
    }

    /// Lost, and doubled or out of order, in all of the rounds.
    fn faults(&self) -> (u64, u64) {
        let outcomes = self.outcomes.iter().flatten();
        outcomes.fold((0, 0), |(lost, again), o| (lost + o.lost, again + o.again))
    }
}

/// The table of a scenario in which somebody speaks.
pub fn of_load(rows: &[Row]) -> String {
    let mut table = String::from(
        "| program | deliveries/s | p50 ms | p99 ms | p99.9 ms | max ms | CPU/delivery | peak memory \
         | lost | again |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let name = row.target.name();
        if let Err(why) = &row.outcomes {
            writeln!(table, "| {name} | {why} |||||||||").expect("a String takes all");
            continue;
        }
        let (lost, again) = row.faults();
        writeln!(
            table,
            "| {name} | {} | {} | {} | {} | {} | {} µs | {} MB | {lost} | {again} |",
            shown(row.rate()),
            shown(row.latency(0.5)),
            shown(row.latency(0.99)),
            shown(row.latency(0.999)),
            shown(row.latency(1.0)),
            shown(row.cpu()),
            shown(row.megabytes()),
        )
        .expect("a String takes all");
    }
    rows.iter().for_each(|row| add_company(row, &mut table));
    let Some((ours, others)) = rows.split_first() else { return table };
    for other in others.iter().filter(|row| row.outcomes.is_ok()) {
        let ratio = |value: &dyn Fn(&Row) -> Option<f64>| {
            shown(value(ours).zip(value(other)).map(|(ours, other)| ours / other))
        };
        writeln!(
            table,
            "ours to {}: deliveries/s × {}, p50 × {}, p99 × {}, CPU × {}, memory × {}",
            other.target.name(),
            ratio(&Row::rate),
            ratio(&|row| row.latency(0.5)),
            ratio(&|row| row.latency(0.99)),
            ratio(&Row::cpu),
            ratio(&Row::megabytes),
        )
        .expect("a String takes all");
    }
    add_own(rows, &mut table);
    table
}

/// The table of a scenario in which several servers are one room.
pub fn of_union(rows: &[Row]) -> String {
    let mut table = String::from(
        "| program | deliveries/s | p50 / p99 ms | between servers | CPU/delivery, store included \
         | peak memory | store's CPU | store's MB | lost | again | orders |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let name = row.target.name();
        if let Err(why) = &row.outcomes {
            writeln!(table, "| {name} | {why} ||||||||||").expect("a String takes all");
            continue;
        }
        let (lost, again) = row.faults();
        let across = |quantile| {
            let ms = |o: &Outcome| o.across.value_at_quantile(quantile) as f64 / 1e6;
            shown(row.median(|o| (!o.across.is_empty()).then(|| ms(o))))
        };
        let store_cpu = row.median(|o| Some(o.store_cpu?.as_secs_f64() / o.time.as_secs_f64()));
        let store_memory = row.median(|o| Some(o.store_memory? as f64 / f64::from(1 << 20)));
        // Where everyone speaks, nobody's order is looked at.
        let orders = row.outcomes.iter().flatten().map(|outcome| outcome.orders).max();
        let orders =
            orders.filter(|&orders| orders > 0).map_or("–".to_owned(), |it| it.to_string());
        writeln!(
            table,
            "| {name} | {} | {} / {} | {} / {} | {} µs | {} MB | {} | {} | {lost} | {again} | {orders} |",
            shown(row.rate()),
            shown(row.latency(0.5)),
            shown(row.latency(0.99)),
            across(0.5),
            across(0.99),
            shown(row.cpu_with_store()),
            shown(row.megabytes()),
            shown(store_cpu),
            shown(store_memory),
        )
        .expect("a String takes all");
    }
    add_own(rows, &mut table);
    table
}

/// Appends what the load itself has used: near 1, it is what holds a program up.
fn add_own(rows: &[Row], table: &mut String) {
    let own = rows.iter().filter_map(|row| {
        let own = row.median(|outcome| outcome.own_cpu)?;
        Some(format!("{} beside {}", shown(Some(own)), row.target.name()))
    });
    let own: Vec<String> = own.collect();
    writeln!(table, "the load itself used of one processor: {}", own.join(", "))
        .expect("a String takes all");
}

/// Appends what those who searched or visited have seen, if anybody has.
fn add_company(row: &Row, table: &mut String) {
    let name = row.target.name();
    if let Some(times) = row.outcomes.iter().flatten().find_map(|outcome| outcome.searches.clone())
    {
        let all = row.outcomes.iter().flatten().filter_map(|outcome| outcome.searches.as_ref());
        let all = all.skip(1).fold(times, |mut all, times| {
            all.add(times).expect("histograms of one range");
            all
        });
        let ms = |quantile| shown(Some(all.value_at_quantile(quantile) as f64 / 1e6));
        writeln!(table, "{name}: {} searches, p50 {} ms, p99 {} ms", all.len(), ms(0.5), ms(0.99),)
            .expect("a String takes all");
    }
    let came = row.median(|outcome| Some(outcome.visits?.came as f64));
    let heard = row.median(|outcome| Some(outcome.visits?.heard));
    if let Some((came, heard)) = came.zip(heard) {
        writeln!(table, "{name}: {came} visitors came, and members heard {heard:.1} of them")
            .expect("a String takes all");
    }
}

/// The table of a scenario in which nobody does.
pub fn of_idleness(rows: &[Row]) -> String {
    let mut table = String::from("| program | memory | a client | wake-ups |\n|---|---|---|---|\n");
    for row in rows {
        let name = row.target.name();
        if let Err(why) = &row.outcomes {
            writeln!(table, "| {name} | {why} |||").expect("a String takes all");
            continue;
        }
        let kilobytes = row.median(|o| Some(o.memory_per_client? as f64 / 1024.0));
        writeln!(
            table,
            "| {name} | {} MB | {} KB | {} |",
            shown(row.megabytes()),
            shown(kilobytes),
            shown(row.median(|outcome| Some(outcome.wakeups? as f64))),
        )
        .expect("a String takes all");
    }
    table
}

/// Three digits, and a letter for thousands and millions.
fn shown(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value >= 1e6 => shown(Some(value / 1e6)) + " M",
        Some(value) if value >= 1e4 => shown(Some(value / 1e3)) + " K",
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}
