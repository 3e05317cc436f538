//! Address books on disk, for whoever wants to keep one from one run to the next.
//!
//! Reading and writing happen on the thread that asks for them: the event loop never waits for a
//! disk.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;

use crate::node::{AddressBook, AddressBookError};

/// More than the longest book has: one more byte shows that a file is longer.
const MAX_LEN: u64 = (256 << 10) + 1;

impl AddressBook {
    /// Reads the book in a file.
    ///
    /// # Errors
    ///
    /// [`AddressBookFileError`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, AddressBookFileError> {
        let path = path.as_ref();
        let io = |error| AddressBookFileError::Io { path: path.to_owned(), error };
        let mut text = String::new();
        let file = File::open(path).map_err(io)?;
        file.take(MAX_LEN).read_to_string(&mut text).map_err(io)?;
        text.parse().map_err(|error| AddressBookFileError::Damaged { path: path.to_owned(), error })
    }

    /// Like [`AddressBook::load`], but without such a file the book is empty.
    ///
    /// # Errors
    ///
    /// As [`AddressBook::load`].
    pub fn load_or_empty(path: impl AsRef<Path>) -> Result<Self, AddressBookFileError> {
        match Self::load(path) {
            Err(AddressBookFileError::Io { error, .. })
                if error.kind() == io::ErrorKind::NotFound =>
            {
                Ok(Self::default())
            }
            outcome => outcome,
        }
    }

    /// Writes the book to a file, in the place of the one that is there. That is replaced only when
    /// the new one is whole and on the disk; a crash on the way leaves at most a hidden draft beside
    /// it.
    ///
    /// # Errors
    ///
    /// [`AddressBookFileError::Io`]; then what was there is there still.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), AddressBookFileError> {
        let path = path.as_ref();
        let written = draft_of(path).and_then(|draft| {
            let written = fill(&draft, &self.to_string()).and_then(|()| fs::rename(&draft, path));
            written.inspect_err(|_| drop(fs::remove_file(&draft)))
        });
        written.map_err(|error| AddressBookFileError::Io { path: path.to_owned(), error })?;
        // The file is whole under either name; which of them a crash leaves, the folder tells.
        drop(path.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all())));
        Ok(())
    }
}

/// A name beside another that nobody else has.
fn draft_of(path: &Path) -> io::Result<PathBuf> {
    let mut bytes = [0; 8];
    SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}", u64::from_be_bytes(bytes)));
    Ok(path.with_file_name(name))
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path).and_then(|file| put(file, text))
}

fn put(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Why an address book was not read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum AddressBookFileError {
    /// The file could not be read or written.
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// What stands in the file is no address book.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: AddressBookError,
    },
}

impl fmt::Display for AddressBookFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Damaged { path, error } => {
                write!(f, "{} is no address book: {error}", path.display())
            }
        }
    }
}

impl Error for AddressBookFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own, which goes with the value.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("rs2p-book-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<OsString> {
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn book(text: &str) -> AddressBook {
        format!("rs2p address book 1\n{text}").parse().unwrap()
    }

    #[test]
    fn a_book_takes_the_place_of_the_one_before_and_nothing_else_is_left() {
        let folder = Folder::new("whole");
        let path = folder.0.join("book");
        assert_eq!(AddressBook::load_or_empty(&path).unwrap(), AddressBook::default());
        for text in ["tried 192.0.2.1:4444 one\n", ""] {
            book(text).save(&path).unwrap();
            assert_eq!(AddressBook::load(&path).unwrap(), book(text));
        }
        assert_eq!(folder.names(), ["book"]);
    }

    #[test]
    fn t40_a_book_that_cannot_be_written_is_an_error_and_what_was_there_stays() {
        let folder = Folder::new("failing");
        let path = folder.0.join("book");
        // A folder with something in it is in the way: the draft is whole, and cannot have the name.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "kept").unwrap();
        let error = book("").save(&path).unwrap_err();
        assert!(matches!(error, AddressBookFileError::Io { .. }), "{error}");
        assert_eq!(
            (folder.names().len(), fs::read(path.join("inside")).unwrap()),
            (1, b"kept".into())
        );
        assert!(book("").save(folder.0.join("nowhere/book")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn t40_what_a_full_disk_does_not_take_is_an_error() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(put(file, "text").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[ignore = "mounts a file system of 64 KiB, which takes root"]
    fn t40_on_a_full_disk_the_book_that_was_there_stays() {
        use std::process::Command;

        let folder = Folder::new("full");
        let run = |program: &str, args: &[&str]| {
            let status = Command::new(program).args(args).arg(&folder.0).status();
            assert!(status.unwrap().success(), "{program}");
        };
        run("mount", &["-t", "tmpfs", "-o", "size=64k", "none"]);
        let path = folder.0.join("book");
        let small = book("tried 192.0.2.1:4444 one\n");
        small.save(&path).unwrap();
        let large = book(&"new 192.0.2.1:4444 one\n".repeat(1_280));
        let mut filler = File::create(folder.0.join("filler")).unwrap();
        while filler.write_all(&[0; 1_024]).is_ok() {}
        drop(filler);
        let outcome = large.save(&path);
        let (kept, names) = (AddressBook::load(&path), folder.names());
        run("umount", &[]);
        let AddressBookFileError::Io { error, .. } = outcome.unwrap_err() else { panic!() };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(kept.unwrap(), small);
        assert_eq!(names.len(), 2, "no draft is left: {names:?}");
    }

    #[test]
    fn what_is_no_book_is_told_with_its_file() {
        let folder = Folder::new("damaged");
        let path = folder.0.join("book");
        fs::write(&path, "rs2p address book 1\nnobody\n").unwrap();
        let error = AddressBook::load_or_empty(&path).unwrap_err();
        let text = format!("{} is no address book: line 2 is no entry", path.display());
        assert_eq!(error.to_string(), text);
        fs::write(&path, [0xff; 9]).unwrap();
        assert!(matches!(AddressBook::load(&path), Err(AddressBookFileError::Io { .. })));
    }
}
