//! Tables of what was measured.

use crate::case::Case;
use crate::stopwatch::Figures;

/// A Markdown table, each line as soon as it is known.
pub(crate) fn table(cases: &[Case]) {
    println!("| bench | unit | median | spread | units/s | MB/s |");
    println!("|---|---|---:|---:|---:|---:|");
    for case in cases {
        let figures = Figures::measure(case);
        let (name, unit) = (&case.name, case.unit);
        let (median, spread) = (figures.median, figures.spread() * 100.0);
        let (rate, throughput) = (1e9 / median, case.len as f64 * 1e3 / median);
        let throughput = if case.len == 0 { String::new() } else { significant(throughput) };
        let (time, rate) = (time(median), significant(rate));
        println!("| {name} | {unit} | {time} | ±{spread:.0} % | {rate} | {throughput} |");
    }
}

/// Names and nanoseconds, parted by tabs.
pub(crate) fn tsv(cases: &[Case]) {
    for case in cases {
        println!("{}\t{:.1}", case.name, Figures::measure(case).median);
    }
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{} ns", significant(nanos)),
        nanos if nanos < 1e6 => format!("{} µs", significant(nanos / 1e3)),
        nanos => format!("{} ms", significant(nanos / 1e6)),
    }
}

/// Three digits that mean something, thousands parted by commas.
fn significant(value: f64) -> String {
    if value < 100.0 {
        let decimals = if value < 10.0 { 2 } else { 1 };
        return format!("{value:.decimals$}");
    }
    let scale = 10_f64.powf((value.log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (value / scale).round() * scale);
    let mut parted = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted
}
