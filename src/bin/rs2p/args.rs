//! What all commands share in reading their arguments.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// How the program was called wrongly. Nothing was done.
#[derive(Debug)]
pub(crate) enum UsageError {
    /// No command has this name.
    UnknownCommand { name: String, nearest: Option<String> },
    /// The command has no option of this name.
    UnknownOption { name: String, nearest: Option<String> },
    /// The command takes no such argument.
    Unexpected { value: String },
    /// The option's value is not one of those that it takes.
    BadValue { option: &'static str, value: String, expected: String },
    /// An argument that is needed is not there.
    Missing { name: &'static str, expected: String },
    /// This build has not got it.
    NotBuilt { what: String, feature: &'static str },
    /// The option has no effect together with another.
    Useless { option: &'static str, because: String },
    /// The arguments cannot be read: a value is missing, say.
    Syntax(lexopt::Error),
}

impl UsageError {
    /// Whether only the help can tell what is right: the error does not.
    pub(crate) fn needs_help(&self) -> bool {
        match self {
            Self::UnknownCommand { nearest, .. } | Self::UnknownOption { nearest, .. } => {
                nearest.is_none()
            }
            Self::Unexpected { .. } | Self::Syntax(_) => true,
            Self::BadValue { .. }
            | Self::Missing { .. }
            | Self::NotBuilt { .. }
            | Self::Useless { .. } => false,
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand { name, nearest } => {
                write!(f, "unknown command `{name}`{}", suggestion(nearest.as_deref()))
            }
            Self::UnknownOption { name, nearest } => {
                write!(f, "unknown option `{name}`{}", suggestion(nearest.as_deref()))
            }
            Self::Unexpected { value } => write!(f, "unexpected argument `{value}`"),
            Self::BadValue { option, value, expected } => {
                write!(f, "{option} takes {expected}, not `{value}`")
            }
            Self::Missing { name, expected } => write!(f, "{name} is missing: {expected}"),
            Self::NotBuilt { what, feature } => {
                write!(
                    f,
                    "{what} is not in this build, which was made without the feature `{feature}`"
                )
            }
            Self::Useless { option, because } => write!(f, "{option} has no effect: {because}"),
            Self::Syntax(error) => write!(f, "{error}"),
        }
    }
}

// `Syntax` shows its cause itself, so that there is one line.
impl Error for UsageError {}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

pub(crate) fn unknown_command(name: &str, known: &[&str]) -> UsageError {
    UsageError::UnknownCommand { name: name.to_owned(), nearest: nearest(name, known) }
}

pub(crate) fn unknown_option(name: &str, known: &[&str]) -> UsageError {
    UsageError::UnknownOption { name: name.to_owned(), nearest: nearest(name, known) }
}

/// What an argument that a command has no use for is answered with.
pub(crate) fn refuse(arg: lexopt::Arg<'_>, known: &[&str]) -> UsageError {
    match arg {
        lexopt::Arg::Short(letter) => unknown_option(&format!("-{letter}"), known),
        lexopt::Arg::Long(name) => unknown_option(&format!("--{name}"), known),
        lexopt::Arg::Value(value) => {
            UsageError::Unexpected { value: value.to_string_lossy().into_owned() }
        }
    }
}

/// Reads a whole number within a range.
pub(crate) fn number<T>(
    option: &'static str,
    value: &OsString,
    range: &RangeInclusive<T>,
) -> Result<T, UsageError>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.filter(|number| range.contains(number)).ok_or_else(|| UsageError::BadValue {
        option,
        value: value.to_string_lossy().into_owned(),
        expected: format!("a number from {} to {}", range.start(), range.end()),
    })
}

/// Reads seconds, with a fraction if need be, up to an hour.
pub(crate) fn seconds(option: &'static str, value: &OsString) -> Result<Duration, UsageError> {
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    seconds
        .filter(|seconds| (0.001..=3600.0).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| UsageError::BadValue {
            option,
            value: value.to_string_lossy().into_owned(),
            expected: "seconds from 0.001 to 3600".to_owned(),
        })
}

/// Reads a time with its unit, from a millisecond to a day.
pub(crate) fn time(option: &'static str, value: &OsString) -> Result<Duration, UsageError> {
    let bad = || UsageError::BadValue {
        option,
        value: value.to_string_lossy().into_owned(),
        expected: "a time from 1ms to 24h as 500ms, 30s, 2m or 1h".to_owned(),
    };
    let text = value.to_str().ok_or_else(bad)?;
    let (number, unit) =
        text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(bad)?);
    let millis = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        "h" => 3_600e3,
        _ => return Err(bad()),
    };
    let number: f64 = number.parse().map_err(|_| bad())?;
    let range = Duration::from_millis(1)..=Duration::from_secs(24 * 3_600);
    // Whole milliseconds, so that it can be shown and typed again.
    Duration::try_from_secs_f64((number * millis).round() / 1e3)
        .ok()
        .filter(|time| range.contains(time))
        .ok_or_else(bad)
}

/// Reads one of several words.
pub(crate) fn choice<T: Clone>(
    option: &'static str,
    value: &OsString,
    choices: &[(&str, T)],
) -> Result<T, UsageError> {
    choices.iter().find(|(name, _)| value == name).map(|(_, choice)| choice.clone()).ok_or_else(
        || {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            UsageError::BadValue {
                option,
                value: value.to_string_lossy().into_owned(),
                expected: format!("one of {}", names.join(", ")),
            }
        },
    )
}

/// The known word that a mistyped one most likely stands for.
pub(crate) fn nearest(word: &str, known: &[&str]) -> Option<String> {
    let distances = known.iter().map(|known| (distance(word, known), *known));
    // More than two slips are another word.
    distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, known)| known.to_owned())
}

/// How many characters to insert, remove or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, from) in from.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((to, above), diagonal) in to.chars().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((left + 1).min(above + 1).min(diagonal + usize::from(from != to)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognized_and_another_word_is_not() {
        let known = ["--nodes", "--messages", "--seed"];
        assert_eq!(nearest("--node", &known).as_deref(), Some("--nodes"));
        assert_eq!(nearest("--mesages", &known).as_deref(), Some("--messages"));
        assert_eq!(nearest("--frobnicate", &known), None);
    }

    #[test]
    fn the_distance_counts_single_slips() {
        for (from, to, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("mesh", "mehs", 2), ("mesh", "mash", 1)]
        {
            assert_eq!(distance(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn numbers_end_at_their_range() {
        let read = |text: &str| number("--n", &text.into(), &(1..=9_u8));
        assert_eq!(read("1").unwrap(), 1);
        assert_eq!(read("9").unwrap(), 9);
        for bad in ["0", "10", "-1", "", "x", "1.5", "999999999999"] {
            let error = read(bad).unwrap_err().to_string();
            assert_eq!(error, format!("--n takes a number from 1 to 9, not `{bad}`"));
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_and_are_positive() {
        let read = |text: &str| seconds("--t", &text.into());
        assert_eq!(read("2.5").unwrap(), Duration::from_millis(2500));
        for bad in ["0", "-1", "nan", "inf", "1e99", "soon", ""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        let read = |text: &str| time("--t", &text.into());
        for (text, millis) in
            [("1ms", 1), ("1500ms", 1_500), ("1.5s", 1_500), ("2m", 120_000), ("24h", 86_400_000)]
        {
            assert_eq!(read(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "s", "30", "0s", "-1s", "0.1ms", "25h", "1d", "1 s", "nan", "infs", "1s1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_choice_names_the_others() {
        let error = choice("--c", &"b".into(), &[("a", 1), ("bb", 2)]).unwrap_err();
        assert_eq!(error.to_string(), "--c takes one of a, bb, not `b`");
    }
}
