//! Making and reading key files, with a word about each.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use rs2p::{Identity, KeystoreError, MeshSecret};
use serde_json::json;

use super::error::KeyError;
use super::options::{Id, Keygen};
use crate::Failure;
use crate::console;
use crate::hex;
use crate::json;
use crate::safe;

/// Makes a key, or a secret, in a new file.
pub(super) fn make(options: &Keygen) -> Result<ExitCode, Failure> {
    let Keygen { file, secret, json } = options;
    if *secret {
        let secret = MeshSecret::generate().map_err(KeyError::from)?;
        secret.save(file).map_err(|error| refusal(file, error))?;
        return told(&match json {
            true => json::ascii(&json!({ "file": file.to_string_lossy() })),
            false => format!("{} is the secret of a mesh, for all of its nodes", shown(file)),
        });
    }
    let identity = Identity::generate().map_err(KeyError::from)?;
    identity.save(file).map_err(|error| refusal(file, error))?;
    if *json {
        return told(&as_json(file, &identity));
    }
    told(&format!("{} is the key of node {}", shown(file), identity.node_id()))
}

/// Tells whose key a file holds.
pub(super) fn tell(options: &Id) -> Result<ExitCode, Failure> {
    let Id { file, json } = options;
    let identity = Identity::load(file).map_err(KeyError::from)?;
    told(&if *json { as_json(file, &identity) } else { identity.node_id().to_string() })
}

/// Why a file was not written, in more helpful words than the operating system's.
fn refusal(file: &Path, error: KeystoreError) -> KeyError {
    match error {
        KeystoreError::Io { error, .. } if error.kind() == ErrorKind::AlreadyExists => {
            KeyError::Exists(shown(file))
        }
        error => error.into(),
    }
}

fn as_json(file: &Path, identity: &Identity) -> String {
    json::ascii(&json!({
        "file": file.to_string_lossy(),
        "id": identity.node_id().as_str(),
        "public_key": hex::write(identity.public_key().as_bytes()),
    }))
}

fn shown(file: &Path) -> String {
    safe::shown(file.as_os_str().as_encoded_bytes(), safe::MAX_SHOWN)
}

fn told(line: &str) -> Result<ExitCode, Failure> {
    console::print(&format!("{line}\n"))?;
    Ok(ExitCode::SUCCESS)
}
