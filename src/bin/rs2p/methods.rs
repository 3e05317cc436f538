//! Lists of compression methods as the user writes them.

use std::ffi::OsString;

use rs2p::{Compression, Compressions};

use crate::args::UsageError;

/// Reads names separated by commas, or `none`. Only methods of this build will do.
pub(crate) fn read(option: &'static str, value: &OsString) -> Result<Compressions, UsageError> {
    let supported: Vec<&str> = Compressions::supported().iter().map(Compression::name).collect();
    let bad = || UsageError::BadValue {
        option,
        value: value.to_string_lossy().into_owned(),
        expected: format!("{}, separated by commas, or none", supported.join(", ")),
    };
    let text = value.to_str().ok_or_else(bad)?;
    if text == "none" {
        return Ok(Compressions::NONE);
    }
    if !text.split(',').all(|name| supported.contains(&name)) {
        return Err(bad());
    }
    Ok(Compressions::from_names(text.split(',')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_known_names_only() {
        assert_eq!(read("--c", &"none".into()).unwrap(), Compressions::NONE);
        let gzip = Compressions::from_names(["gzip"]);
        assert_eq!(read("--c", &"gzip".into()).unwrap(), gzip);
        for bad in ["", "gzip,", "snappy", "gzip,none", "GZIP", "gzip bz2"] {
            let error = read("--c", &bad.into()).unwrap_err().to_string();
            assert!(error.starts_with("--c takes gzip, "), "{error}");
        }
    }
}
