//! `rs2p node`: one node of a mesh, for a person at a terminal or for a program on a pipe.
//!
//! Opens the node, and closes it in good order whatever the reason is. What happens between is the
//! business of [`chat`], lines for people, or of [`script`], lines of JSON. Both use the library
//! as any program does: nothing here sees the wire or the inside of a node.

mod chat;
mod error;
mod join;
mod kept;
mod lines;
mod options;
mod output;
mod script;
mod stop;

use std::process::ExitCode;
use std::sync::mpsc;

use rs2p::{AddressBook, CloseReport, MeshSocket, Payloads, Recorder};
#[cfg(feature = "tls")]
use rs2p::{Identity, MeshSecret};

use crate::Failure;
pub(crate) use error::NodeError;
use options::Options;
pub(crate) use options::{HELP, SUMMARY};
use output::Output;

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Options::parse(parser)?;
    let payloads = if options.redact { Payloads::Redacted } else { Payloads::Whole };
    let recorder = options.record.as_ref().map(|path| Recorder::create(path, payloads));
    let recorder = recorder.transpose().map_err(NodeError::Record)?;
    let socket = open(&options, recorder.as_ref())?;
    let (stop, stopped) = mpsc::channel();
    stop::on_signal(stop.clone()).map_err(NodeError::Signals)?;
    let output = Output::new(stop);
    let is_clean = if options.json {
        script::run(&options, &socket, &output, &stopped)?
    } else {
        chat::run(&options, &socket, &output, &stopped)?
    };
    drop(socket);
    if let Some(recorder) = recorder {
        recorder.finish().map_err(NodeError::Record)?;
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves the mesh, with the addresses that are known then kept where the user wants them.
fn leave(options: &Options, socket: &MeshSocket) -> (CloseReport, Result<(), NodeError>) {
    let kept = options.book.as_ref().map(|path| (path, socket.address_book()));
    let report = socket.close();
    let saved = kept.map_or(Ok(()), |(path, book)| book.save(path));
    (report, saved.map_err(NodeError::Book))
}

fn open(options: &Options, recorder: Option<&Recorder>) -> Result<MeshSocket, NodeError> {
    let mut builder = MeshSocket::builder()
        .encryption(options.encryption)
        .subnet(&options.subnet)
        .max_outgoing(options.max_outgoing)
        .compressions(options.compressions);
    // The secret first: no key is made for a node that cannot be opened for want of one.
    #[cfg(feature = "tls")]
    if let Some(path) = &options.secret {
        builder = builder.secret(MeshSecret::load(path).map_err(NodeError::Secret)?);
    }
    #[cfg(feature = "tls")]
    if let Some(path) = &options.identity {
        builder = builder.identity(Identity::load_or_create(path).map_err(NodeError::Identity)?);
    }
    if let Some(recorder) = recorder {
        builder = builder.record(recorder);
    }
    if let Some(path) = &options.book {
        builder = builder.address_book(AddressBook::load_or_empty(path).map_err(NodeError::Book)?);
    }
    if let Some(address) = &options.out_addr {
        builder = builder.out_addr(address.clone());
    }
    builder
        .bind(options.bind.as_str())
        .map_err(|error| NodeError::Bind { addr: options.bind.clone(), error })
}
