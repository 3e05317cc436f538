//! The command line of the benches.

/// What to do with the benches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Measure them and print a table.
    Table,
    /// Measure them and print names and medians, for `benches/compare`.
    Tsv,
    /// Run each once and measure nothing.
    Test,
    /// Run each for a profiler that counts instructions.
    Count,
    /// Print their names.
    List,
    /// Print the names of those whose instructions can be counted.
    ListPure,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// Parts of the names of the benches that are wanted; none for all.
    parts: Vec<String>,
    /// The one bench that is wanted.
    exact: Option<String>,
}

impl Options {
    /// # Errors
    ///
    /// A line that says what is wrong.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut mode, mut is_bench) = (None, false);
        let (mut parts, mut exact) = (Vec::new(), None);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                // `cargo bench` says it, and `cargo test` does not.
                "--bench" => is_bench = true,
                "--test" => mode = Some(Mode::Test),
                "--tsv" => mode = Some(Mode::Tsv),
                "--list" => mode = Some(Mode::List),
                "--list-pure" => mode = Some(Mode::ListPure),
                "--count" => {
                    mode = Some(Mode::Count);
                    exact = Some(args.next().ok_or("--count needs the name of a bench")?);
                }
                _ if arg.starts_with('-') => return Err(format!("there is no option {arg}")),
                _ => parts.push(arg),
            }
        }
        let mode = mode.unwrap_or(if is_bench { Mode::Table } else { Mode::Test });
        Ok(Self { mode, parts, exact })
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        match &self.exact {
            Some(exact) => exact == name,
            None => self.parts.is_empty() || self.parts.iter().any(|part| name.contains(part)),
        }
    }
}
