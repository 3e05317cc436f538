//! The command line of rs2p: `rs2p COMMAND [OPTIONS]`.
//!
//! Each command is one row of [`COMMANDS`] and one module. A command uses only the public API of
//! the library, and answers with an exit code: 0 where it did its job, 1 where it did not, 2 where
//! it was called wrongly, 130 where Ctrl-C ended it.

mod args;
mod clock;
mod console;
mod decode;
mod encode;
mod encryption;
mod hex;
mod interrupt;
mod json;
mod keys;
mod latencies;
mod mesh;
mod methods;
mod node;
mod replay;
mod safe;
mod seed;
mod sim;
mod terminal;
mod topology;
mod traffic;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use args::UsageError;
use console::OutputError;

/// Something that the program can do.
struct Command {
    name: &'static str,
    /// One line for the list of commands.
    summary: &'static str,
    /// What `rs2p help NAME` prints.
    help: &'static str,
    run: fn(lexopt::Parser) -> Result<ExitCode, Failure>,
}

const COMMANDS: [Command; 8] = [
    Command { name: "mesh", summary: mesh::SUMMARY, help: mesh::HELP, run: mesh::run },
    Command { name: "node", summary: node::SUMMARY, help: node::HELP, run: node::run },
    Command { name: "sim", summary: sim::SUMMARY, help: sim::HELP, run: sim::run },
    Command { name: "replay", summary: replay::SUMMARY, help: replay::HELP, run: replay::run },
    Command {
        name: "keygen",
        summary: keys::KEYGEN_SUMMARY,
        help: keys::KEYGEN_HELP,
        run: keys::keygen,
    },
    Command { name: "id", summary: keys::ID_SUMMARY, help: keys::ID_HELP, run: keys::id },
    Command { name: "decode", summary: decode::SUMMARY, help: decode::HELP, run: decode::run },
    Command { name: "encode", summary: encode::SUMMARY, help: encode::HELP, run: encode::run },
];

/// Why a command did not do its job.
#[derive(Debug)]
enum Failure {
    /// It was called wrongly. It is no command where the first argument is wrong already.
    Usage(UsageError, Option<&'static str>),
    /// It tried.
    Job(Box<dyn Error>),
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Usage(error, None)
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::Job(error.into())
    }
}

impl From<mesh::MeshError> for Failure {
    fn from(error: mesh::MeshError) -> Self {
        Self::Job(error.into())
    }
}

impl From<node::NodeError> for Failure {
    fn from(error: node::NodeError) -> Self {
        Self::Job(error.into())
    }
}

impl From<replay::ReplayError> for Failure {
    fn from(error: replay::ReplayError) -> Self {
        Self::Job(error.into())
    }
}

impl From<sim::SimError> for Failure {
    fn from(error: sim::SimError) -> Self {
        Self::Job(error.into())
    }
}

#[cfg(feature = "tls")]
impl From<keys::KeyError> for Failure {
    fn from(error: keys::KeyError) -> Self {
        Self::Job(error.into())
    }
}

impl From<decode::InputError> for Failure {
    fn from(error: decode::InputError) -> Self {
        Self::Job(error.into())
    }
}

impl From<encode::EncodeError> for Failure {
    fn from(error: encode::EncodeError) -> Self {
        Self::Job(error.into())
    }
}

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)) {
        Ok(code) => code,
        Err(Failure::Usage(error, command)) => {
            let advice = if error.needs_help() { advice(command) } else { String::new() };
            complain(&error, &advice);
            ExitCode::from(2)
        }
        Err(Failure::Job(error)) => {
            complain(&*error, "");
            ExitCode::FAILURE
        }
    }
}

/// Finds the command that the first argument names.
fn run(mut args: impl Iterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let Some(first) = args.next() else { return print(&overview()) };
    match first.to_str() {
        Some("-h" | "--help") => print(&overview()),
        Some("-V" | "--version") => print(concat!("rs2p ", env!("CARGO_PKG_VERSION"), "\n")),
        Some("help") => match args.next() {
            Some(name) => print(find(&name)?.help),
            None => print(&overview()),
        },
        Some(option) if option.starts_with('-') => {
            Err(args::unknown_option(option, &["--help", "--version"]).into())
        }
        _ => {
            let command = find(&first)?;
            let rest: Vec<OsString> = args.collect();
            if rest.iter().any(|arg| arg == "-h" || arg == "--help") {
                return print(command.help);
            }
            (command.run)(lexopt::Parser::from_args(rest)).map_err(|failure| match failure {
                Failure::Usage(error, _) => Failure::Usage(error, Some(command.name)),
                job @ Failure::Job(_) => job,
            })
        }
    }
}

fn find(name: &OsString) -> Result<&'static Command, UsageError> {
    COMMANDS.iter().find(|command| *name == command.name).ok_or_else(|| {
        let names: Vec<&str> =
            COMMANDS.iter().map(|command| command.name).chain(["help"]).collect();
        args::unknown_command(&name.to_string_lossy(), &names)
    })
}

fn overview() -> String {
    let mut text = "rs2p: a peer-to-peer mesh over TCP, compatible with py2p 0.2\n\n\
         Usage: rs2p COMMAND [OPTIONS]\n\nCommands:\n"
        .to_owned();
    for Command { name, summary, .. } in &COMMANDS {
        text.push_str(&format!("  {name:<9}{summary}\n"));
    }
    text.push_str(
        "  help     Explain a command: rs2p help mesh\n\nOptions:\n  \
         -h, --help     Print this, or a command's help: rs2p mesh --help\n  \
         -V, --version  Print the version\n\n\
         Examples:\n  \
         rs2p mesh                            8 nodes on this machine, and proof that they deliver\n  \
         rs2p mesh --nodes 32 --for 10s --rate 500\n  \
         rs2p sim --nodes 1000 --faults cuts  A thousand nodes in virtual time\n",
    );
    text
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    console::print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Where to read what is right.
fn advice(command: Option<&str>) -> String {
    let command = command.map(|name| format!("{name} ")).unwrap_or_default();
    format!("; try `rs2p {command}--help`")
}

/// Prints an error and what caused it in one line.
fn complain(error: &dyn Error, advice: &str) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    // There is nowhere left to tell that this failed.
    drop(writeln!(io::stderr(), "{text}{advice}"));
}
