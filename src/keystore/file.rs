//! A file that is its owner's alone, and is there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeystoreError, draw};

/// The longest file that is read: a key has about 200 bytes, the longest secret 1,400, and whoever
/// keeps it may have written something around it.
const MAX_LEN: u64 = 16 << 10;

/// Reads a file, unless others than its owner may read or change it.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let io = |error| KeystoreError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(io)?;
    if is_open_to_others(&file).map_err(io)? {
        return Err(KeystoreError::OpenToOthers { path: path.to_owned() });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_LEN).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// Writes a file under a name that is free.
///
/// It gets the name when it is whole: whoever finds it finds all of it, and a crash on the way leaves
/// no half of a key there, but at most a hidden draft beside it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), KeystoreError> {
    let io = |error| KeystoreError::Io { path: path.to_owned(), error };
    let draft = draft_of(path)?;
    let written = fill(&draft, text).and_then(|()| match fs::hard_link(&draft, path) {
        // Some file systems have one name for each file.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fill(path, text),
        linked => linked,
    });
    drop(fs::remove_file(&draft));
    written.map_err(io)
}

/// A name beside another that nobody else has.
fn draft_of(path: &Path) -> Result<PathBuf, KeystoreError> {
    let number = u64::from_be_bytes(*draw::<8>()?);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{number:016x}"));
    Ok(path.with_file_name(name))
}

/// Makes a file and writes it. Half a key is none: where that fails nothing is left.
fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = create(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let metadata = file.metadata()?;
    // That a folder is none is told where it is read.
    Ok(!metadata.is_dir() && metadata.mode() & 0o077 != 0)
}

/// Elsewhere the rights of files are not as simple as that, and nothing is judged.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}
