//! What is shown of a run while it lasts: figures in, lines out.

use std::collections::VecDeque;
use std::time::Duration;

use crate::console::{count, grouped, human};
use crate::traffic::Traffic;

/// Over how long rates and latencies are taken. Shorter, and nobody could read them.
const INTERVAL: Duration = Duration::from_millis(250);

/// The columns of the bar that shows how far the run is.
const BAR_WIDTH: u64 = 16;

/// The rates of the past that are shown, a column each.
const PAST_LEN: usize = 24;

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How a run is at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) elapsed: Duration,
    /// How long the sending takes in all, where that is known.
    pub(super) time: Option<Duration>,
    /// How many messages there are in all, where that is known.
    pub(super) messages: Option<u64>,
    pub(super) sent: u64,
    /// How many nodes receive each message.
    pub(super) receivers: u64,
    pub(super) delivered: u64,
    /// The messages on their way.
    pub(super) waiting: u64,
    pub(super) links: u64,
    pub(super) links_up: u64,
    pub(super) traffic: Traffic,
    /// Whether the user wants an end.
    pub(super) is_stopping: bool,
}

/// Remembers as much of the past as it takes to show what happens now.
#[derive(Debug, Default)]
pub(super) struct View {
    /// How the run was when the interval began.
    since: Figures,
    /// Of the deliveries in this interval.
    latencies: Vec<Duration>,
    /// The rates of the last interval, of messages and deliveries a second.
    rates: Option<[u64; 2]>,
    /// Median and 99th percentile of the last interval.
    quantiles: Option<[Duration; 2]>,
    /// The deliveries a second of the last intervals, the oldest first.
    past: VecDeque<u64>,
}

impl View {
    /// Takes note of a delivery.
    pub(super) fn add(&mut self, latency: Duration) {
        self.latencies.push(latency);
    }

    /// Ends the interval if it was long enough.
    pub(super) fn update(&mut self, now: &Figures) {
        let spent = now.elapsed.saturating_sub(self.since.elapsed);
        if spent < INTERVAL {
            return;
        }
        let messages = a_second(now.sent.saturating_sub(self.since.sent), spent);
        let deliveries = a_second(now.delivered.saturating_sub(self.since.delivered), spent);
        self.rates = Some([messages, deliveries]);
        if self.past.len() == PAST_LEN {
            self.past.pop_front();
        }
        self.past.push_back(deliveries);
        self.latencies.sort_unstable();
        self.quantiles = quantiles(&self.latencies);
        self.latencies.clear();
        self.since = *now;
    }

    /// Labels and texts, the most important first, within 80 columns.
    pub(super) fn lines(&self, now: &Figures) -> Vec<(&'static str, String)> {
        let label = if now.is_stopping { "stopping" } else { "sending" };
        let whose = if now.waiting == 1 { "its" } else { "their" };
        let on_the_way = format!("{} on {whose} way", count(now.waiting, "message"));
        let rates = self.rates.map_or_else(
            || "-".to_owned(),
            |[messages, deliveries]| {
                let [messages, deliveries] = [messages, deliveries].map(grouped);
                let past = sparkline(&self.past);
                format!("{messages} messages/s, {deliveries} deliveries/s {past}")
            },
        );
        let latency = self.quantiles.map_or_else(
            || "-".to_owned(),
            |quantiles| {
                let [p50, p99] = quantiles.map(human);
                format!("p50 {p50}, p99 {p99}")
            },
        );
        let Traffic { refused, dropped, duplicates, .. } = now.traffic;
        let [up, links, refused, dropped, duplicates] =
            [now.links_up, now.links, refused, dropped, duplicates].map(grouped);
        vec![
            (label, format!("{}{}{}", bar(now), sent(now), left(now))),
            ("delivered", format!("{}, {on_the_way}", delivered(now))),
            ("rate", rates),
            ("latency", latency),
            ("links", format!("{up} of {links} up")),
            ("frames", format!("{refused} refused, {dropped} dropped, {duplicates} duplicates")),
        ]
    }
}

/// The same for a reader who sees one line after the other.
pub(super) fn line(now: &Figures) -> String {
    format!("{}, {}{}", sent(now), delivered(now), left(now))
}

fn sent(now: &Figures) -> String {
    match now.messages {
        Some(messages) => format!("{} of {}", grouped(now.sent), count(messages, "message")),
        None => count(now.sent, "message"),
    }
}

fn delivered(now: &Figures) -> String {
    // Where the number of messages is not known, as many as were sent.
    let expected = now.messages.unwrap_or(now.sent).saturating_mul(now.receivers);
    format!("{} of {} deliveries", grouped(now.delivered), grouped(expected))
}

/// How far the sending is, in thousandths: by the messages where their number is known.
fn progress(now: &Figures) -> Option<u64> {
    let (done, total) = match (now.messages, now.time) {
        (Some(messages), _) => (now.sent.into(), messages.into()),
        (None, Some(time)) => (now.elapsed.as_nanos(), time.as_nanos()),
        (None, None) => return None,
    };
    let thousandths = done.saturating_mul(1000).checked_div(total)?;
    Some(u64::try_from(thousandths).map_or(1000, |it| it.min(1000)))
}

fn bar(now: &Figures) -> String {
    let filled = progress(now).unwrap_or_default() * BAR_WIDTH / 1000;
    let cells = (0..BAR_WIDTH).map(|cell| if cell < filled { '#' } else { '.' });
    format!("[{}] ", cells.collect::<String>())
}

/// The time that is left, by the plan or else as the run went so far.
fn left(now: &Figures) -> String {
    let by_plan = now.time.map(|time| time.saturating_sub(now.elapsed));
    let by_pace = || {
        let rest = now.messages?.checked_sub(now.sent)?;
        let nanos = now.elapsed.as_nanos().saturating_mul(rest.into()).checked_div(now.sent.into());
        u64::try_from(nanos?).ok().map(Duration::from_nanos)
    };
    let Some(left) = by_plan.or_else(by_pace) else { return String::new() };
    // Rounded up: nothing is left only at the end.
    let secs = left.as_millis().div_ceil(1000);
    let [hours, minutes, secs] = [secs / 3600, secs / 60 % 60, secs % 60];
    match hours {
        0 => format!(", {minutes}:{secs:02} left"),
        hours => format!(", {hours}:{minutes:02}:{secs:02} left"),
    }
}

fn sparkline(rates: &VecDeque<u64>) -> String {
    let max = rates.iter().copied().max().unwrap_or_default().max(1);
    let heights = HEIGHTS.len() as u64;
    let height = |rate: u64| usize::try_from(rate.saturating_mul(heights - 1) / max).ok();
    rates.iter().filter_map(|rate| HEIGHTS.get(height(*rate)?)).collect()
}

fn a_second(number: u64, time: Duration) -> u64 {
    let nanos = time.as_nanos().max(1);
    let rate = u128::from(number).saturating_mul(1_000_000_000) / nanos;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Median and 99th percentile of a sorted list.
fn quantiles(sorted: &[Duration]) -> Option<[Duration; 2]> {
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    };
    Some([at(50)?, at(99)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn figures() -> Figures {
        Figures {
            elapsed: millis(1_000),
            messages: Some(400),
            sent: 100,
            receivers: 7,
            delivered: 650,
            waiting: 8,
            links: 16,
            links_up: 15,
            traffic: Traffic { refused: 1, dropped: 2, duplicates: 1_500, ..Traffic::default() },
            ..Figures::default()
        }
    }

    fn texts(view: &View, now: &Figures) -> Vec<String> {
        view.lines(now).iter().map(|(label, text)| format!("{label}: {text}")).collect()
    }

    #[test]
    fn a_frame_tells_all_there_is_to_know() {
        let mut view = View::default();
        (1..=100).for_each(|number| view.add(Duration::from_micros(number)));
        view.update(&figures());
        let expected = [
            "sending: [####............] 100 of 400 messages, 0:03 left",
            "delivered: 650 of 2,800 deliveries, 8 messages on their way",
            "rate: 100 messages/s, 650 deliveries/s █",
            "latency: p50 50 µs, p99 99 µs",
            "links: 15 of 16 up",
            "frames: 1 refused, 2 dropped, 1,500 duplicates",
        ];
        assert_eq!(texts(&view, &figures()), expected);
        let one = Figures { waiting: 1, ..figures() };
        assert_eq!(
            texts(&view, &one)[1],
            "delivered: 650 of 2,800 deliveries, 1 message on its way"
        );
    }

    #[test]
    fn before_the_first_interval_there_are_no_rates() {
        let mut view = View::default();
        let now = Figures { elapsed: millis(100), ..figures() };
        view.update(&now);
        let texts = texts(&view, &now);
        assert_eq!((texts[2].as_str(), texts[3].as_str()), ("rate: -", "latency: -"));
    }

    #[test]
    fn rates_and_latencies_are_those_of_the_last_interval() {
        let mut view = View::default();
        view.add(millis(500));
        view.update(&figures());
        view.add(millis(2));
        let now = Figures { elapsed: millis(1_500), sent: 110, delivered: 720, ..figures() };
        view.update(&now);
        let texts = texts(&view, &now);
        assert_eq!(texts[2], "rate: 20 messages/s, 140 deliveries/s █▂");
        assert_eq!(texts[3], "latency: p50 2.0 ms, p99 2.0 ms");
    }

    #[test]
    fn a_timed_run_goes_by_its_time_and_tells_that_it_stops() {
        let time = Some(Duration::from_secs(4_000));
        let elapsed = Duration::from_secs(1_000);
        let now = Figures { time, elapsed, messages: None, is_stopping: true, ..figures() };
        let expected = "stopping: [####............] 100 messages, 50:00 left";
        assert_eq!(texts(&View::default(), &now)[0], expected);
        assert_eq!(line(&now), "100 messages, 650 of 700 deliveries, 50:00 left");
        let late = Figures { time: Some(Duration::from_secs(9_000)), ..now };
        assert_eq!(left(&late), ", 2:13:20 left");
    }

    #[test]
    fn the_past_is_bounded_and_every_line_fits_into_80_columns() {
        let mut view = View::default();
        let mut now = Figures {
            time: Some(Duration::from_secs(86_400)),
            messages: Some(1_000_000),
            receivers: 511,
            traffic: Traffic {
                refused: 10_000_000,
                dropped: 10_000_000,
                duplicates: 10_000_000_000,
                ..Traffic::default()
            },
            ..figures()
        };
        for _ in 0..100 {
            now.elapsed += INTERVAL;
            now.sent += 9_999;
            now.delivered += 99_999;
            view.update(&now);
        }
        assert_eq!(view.past.len(), PAST_LEN);
        for text in texts(&view, &now) {
            let text = text.split_once(": ").unwrap().1;
            assert!(text.chars().count() + 11 < 80, "{text}");
        }
    }

    #[test]
    fn a_run_without_figures_divides_by_nothing() {
        let nothing = Figures { messages: Some(0), ..Figures::default() };
        let mut view = View::default();
        view.update(&nothing);
        assert_eq!(view.lines(&nothing).len(), 6);
        assert_eq!(line(&Figures::default()), "0 messages, 0 of 0 deliveries");
    }
}
