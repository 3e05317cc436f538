//! `base58`: integers and their texts.

use rs2p::wire::base58::{ALPHABET, Base58Error, canonical, decode, decode_u64, encode};

use crate::golden::{bytes, cases, decimal, text, value};

#[test]
fn the_alphabet_is_py2ps() {
    assert_eq!(value("/base58/alphabet").as_str().map(str::as_bytes), Some(&ALPHABET[..]));
}

#[test]
fn integers_are_written_and_read_as_py2p_does() {
    let mut seen = 0;
    for case in cases("/base58/encode") {
        let (int, written) = (decimal(text(case, "int")), text(case, "text"));
        assert_eq!(encode(&int), written);
        assert_eq!(decode(written.as_bytes()), Ok(int.clone()));
        assert_machine_integer(written, text(case, "int"));
        seen += 1;
    }
    assert_eq!(seen, 65);
}

#[test]
fn every_text_of_an_integer_is_read() {
    let mut seen = 0;
    for case in cases("/base58/decode") {
        let (int, written) = (decimal(text(case, "int")), text(case, "text"));
        assert_eq!(decode(written.as_bytes()), Ok(int.clone()));
        assert_eq!(canonical(written.as_bytes()), Ok(encode(&int).as_bytes()));
        assert_machine_integer(written, text(case, "int"));
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn what_py2p_refuses_is_refused() {
    let mut seen = 0;
    for case in cases("/base58/decode_errors") {
        assert!(["ValueError", "UnicodeDecodeError"].contains(&text(case, "error")));
        let written = bytes(case, "text_hex");
        assert_eq!(decode(&written), Err(Base58Error::BadDigit), "{case}");
        assert_eq!(decode_u64(&written), Err(Base58Error::BadDigit), "{case}");
        assert_eq!(canonical(&written), Err(Base58Error::BadDigit), "{case}");
        seen += 1;
    }
    assert_eq!(seen, 10);
}

fn assert_machine_integer(written: &str, int: &str) {
    let expected = int.parse::<u64>().map_err(|_| Base58Error::TooLong);
    assert_eq!(decode_u64(written.as_bytes()), expected);
}
