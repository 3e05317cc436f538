//! The lines of a file, none of them longer than a record may have.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use rs2p::record::{self, MAX_LINE_LEN, ReplayFault};

use super::ReplayError;

#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, ReplayError> {
        let file =
            File::open(path).map_err(|error| ReplayError::File { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), reader: BufReader::new(file), line: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<String>, ReplayError> {
        let mut line = Vec::new();
        // One more than may be there, and the line's end.
        let max = u64::try_from(MAX_LINE_LEN).unwrap_or(u64::MAX).saturating_add(2);
        let read = self.reader.by_ref().take(max).read_until(b'\n', &mut line);
        let len = read.map_err(|error| ReplayError::File { path: self.path.clone(), error })?;
        if len == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > MAX_LINE_LEN {
            let error = record::ReplayError { line: self.line, fault: ReplayFault::TooLong };
            return Err(self.wrong(error));
        }
        let not_text = |_| ReplayError::NotText { path: self.path.clone(), line: self.line };
        String::from_utf8(line).map(Some).map_err(not_text)
    }

    pub(super) fn wrong(&self, error: record::ReplayError) -> ReplayError {
        ReplayError::Record { path: self.path.clone(), error }
    }
}
