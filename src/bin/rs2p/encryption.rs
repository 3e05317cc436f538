//! How a mesh is encrypted, as users say it and as they are told.

use std::ffi::OsString;

use rs2p::Encryption;

use crate::args::UsageError;

/// The word for each on the command line, its name in the protocol, which will do as well, and the
/// feature of the crate that has it.
const WORDS: [(&str, &str, &str, Option<Encryption>); 3] = [
    ("plaintext", "Plaintext", "", Some(Encryption::Plaintext)),
    ("rsa", "PKCS1_v1.5", "rsa", RSA),
    ("tls", "tls13-rpk/1", "tls", Encryption::DEFAULT),
];

#[cfg(feature = "rsa")]
const RSA: Option<Encryption> = Some(Encryption::Rsa);
#[cfg(not(feature = "rsa"))]
const RSA: Option<Encryption> = None;

/// Reads what `--encryption` says.
pub(crate) fn read(value: &OsString) -> Result<Encryption, UsageError> {
    let found = WORDS.iter().find(|(word, name, ..)| value == word || value == name);
    let words = WORDS.map(|(word, ..)| word).join(", ");
    let (word, _, feature, encryption) = found.ok_or_else(|| UsageError::BadValue {
        option: "--encryption",
        value: value.to_string_lossy().into_owned(),
        expected: format!("one of {words}"),
    })?;
    encryption.ok_or_else(|| UsageError::NotBuilt { what: format!("--encryption {word}"), feature })
}

/// What was said, or the default of this build.
pub(crate) fn or_default(said: Option<Encryption>) -> Result<Encryption, UsageError> {
    said.or(Encryption::DEFAULT).ok_or_else(|| UsageError::Missing {
        name: "--encryption",
        expected: "this build does not have the default, tls".to_owned(),
    })
}

/// The word on the command line.
pub(crate) fn word(encryption: Encryption) -> &'static str {
    let found = WORDS.iter().find(|(.., known)| *known == Some(encryption));
    found.map_or_else(|| encryption.name(), |(word, ..)| word)
}

/// What a mesh under it is, for a person who has joined.
pub(crate) fn in_words(encryption: Encryption) -> &'static str {
    match word(encryption) {
        "plaintext" => "not encrypted",
        "rsa" => "under py2p's RSA, in which nobody proves an id",
        _ => "encrypted by TLS",
    }
}

/// Whether neighbors prove their ids.
pub(crate) fn proof(encryption: Encryption) -> &'static str {
    if encryption.is_authenticated() { "proven" } else { "unproven" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encryption_has_a_word_and_its_name_in_the_protocol() {
        for text in ["plaintext", "Plaintext"] {
            assert_eq!(read(&text.into()).unwrap(), Encryption::Plaintext);
        }
        assert_eq!(word(Encryption::Plaintext), "plaintext");
        for (word, name, feature, encryption) in WORDS {
            for text in [word, name] {
                match (read(&text.into()), encryption) {
                    (Ok(read), Some(encryption)) => {
                        assert_eq!((read, encryption.name()), (encryption, name));
                        assert_eq!(super::word(encryption), word);
                    }
                    (Err(error), None) => assert_eq!(
                        error.to_string(),
                        format!(
                            "--encryption {word} is not in this build, which was made without the \
                             feature `{feature}`"
                        )
                    ),
                    (read, known) => panic!("{read:?}, {known:?}"),
                }
            }
        }
        let error = read(&"TLS".into()).unwrap_err().to_string();
        assert_eq!(error, "--encryption takes one of plaintext, rsa, tls, not `TLS`");
    }
}
