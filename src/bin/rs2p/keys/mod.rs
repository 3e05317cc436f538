//! `rs2p keygen` and `rs2p id`: keys in files, and the ids that follow from them.
//!
//! What a key is, and how a file keeps it, is the library's. Here is what a person says and is told.

#[cfg(feature = "tls")]
mod error;
#[cfg(feature = "tls")]
mod files;
mod options;

use std::process::ExitCode;

use crate::Failure;
#[cfg(not(feature = "tls"))]
use crate::args::UsageError;
#[cfg(feature = "tls")]
pub(crate) use error::KeyError;
pub(crate) use options::{ID_HELP, ID_SUMMARY, KEYGEN_HELP, KEYGEN_SUMMARY};
use options::{Id, Keygen};

/// Makes a key in a new file.
pub(crate) fn keygen(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Keygen::parse(parser)?;
    #[cfg(feature = "tls")]
    return files::make(&options);
    #[cfg(not(feature = "tls"))]
    Err(not_built(&format!("making {}", options.file.display())))
}

/// Tells whose key a file holds.
pub(crate) fn id(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Id::parse(parser)?;
    #[cfg(feature = "tls")]
    return files::tell(&options);
    #[cfg(not(feature = "tls"))]
    Err(not_built(&format!("reading {}", options.file.display())))
}

#[cfg(not(feature = "tls"))]
fn not_built(what: &str) -> Failure {
    UsageError::NotBuilt { what: what.to_owned(), feature: "tls" }.into()
}
