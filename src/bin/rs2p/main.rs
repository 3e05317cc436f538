//! The command line of rs2p: `rs2p COMMAND [OPTIONS]`.
//!
//! Each command is one row of [`COMMANDS`] and one module. A command uses only the public API of
//! the library, and answers with an exit code: 0 where it did its job, 1 where it did not, 2 where
//! it was called wrongly.

mod args;
mod clock;
mod console;
mod latencies;
mod mesh;
mod node;
mod seed;
mod sim;
mod topology;
mod traffic;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use args::UsageError;

/// Something that the program can do.
struct Command {
    name: &'static str,
    /// One line for the list of commands.
    summary: &'static str,
    /// What `rs2p help NAME` prints.
    help: &'static str,
    run: fn(lexopt::Parser) -> Result<ExitCode, Failure>,
}

const COMMANDS: [Command; 3] = [
    Command { name: "mesh", summary: mesh::SUMMARY, help: mesh::HELP, run: mesh::run },
    Command { name: "node", summary: node::SUMMARY, help: node::HELP, run: node::run },
    Command { name: "sim", summary: sim::SUMMARY, help: sim::HELP, run: sim::run },
];

/// Why a command did not do its job.
#[derive(Debug)]
enum Failure {
    Usage(UsageError),
    Mesh(mesh::MeshError),
    Node(node::NodeError),
    Sim(sim::SimError),
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<mesh::MeshError> for Failure {
    fn from(error: mesh::MeshError) -> Self {
        Self::Mesh(error)
    }
}

impl From<node::NodeError> for Failure {
    fn from(error: node::NodeError) -> Self {
        Self::Node(error)
    }
}

impl From<sim::SimError> for Failure {
    fn from(error: sim::SimError) -> Self {
        Self::Sim(error)
    }
}

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)) {
        Ok(code) => code,
        Err(Failure::Usage(error)) => {
            complain(&error);
            ExitCode::from(2)
        }
        Err(Failure::Mesh(error)) => {
            complain(&error);
            ExitCode::FAILURE
        }
        Err(Failure::Node(error)) => {
            complain(&error);
            ExitCode::FAILURE
        }
        Err(Failure::Sim(error)) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Finds the command that the first argument names.
fn run(mut args: impl Iterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let Some(first) = args.next() else { return Ok(print(&overview())) };
    match first.to_str() {
        Some("-h" | "--help") => Ok(print(&overview())),
        Some("-V" | "--version") => Ok(print(concat!("rs2p ", env!("CARGO_PKG_VERSION"), "\n"))),
        Some("help") => match args.next() {
            Some(name) => Ok(print(find(&name)?.help)),
            None => Ok(print(&overview())),
        },
        Some(option) if option.starts_with('-') => {
            Err(args::unknown_option(option, &["--help", "--version"]).into())
        }
        _ => {
            let command = find(&first)?;
            let rest: Vec<OsString> = args.collect();
            if rest.iter().any(|arg| arg == "-h" || arg == "--help") {
                return Ok(print(command.help));
            }
            (command.run)(lexopt::Parser::from_args(rest))
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
         -V, --version  Print the version\n",
    );
    text
}

/// A reader that has gone away, as `head` does, is no failure.
fn print(text: &str) -> ExitCode {
    drop(io::stdout().write_all(text.as_bytes()));
    ExitCode::SUCCESS
}

/// Prints an error and what caused it in one line.
fn complain(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    drop(writeln!(io::stderr(), "{text}"));
}
