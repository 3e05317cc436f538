//! The messages that py2p itself made, from the test vectors.

use rs2p::wire::{Compression, Compressions};
use serde_json::Value;

/// A frame of py2p's and what it may be compressed by.
pub(crate) struct Golden {
    pub(crate) frame: Vec<u8>,
    pub(crate) methods: Compressions,
}

/// The frames under one method, or the plain ones.
pub(crate) fn frames(method: Option<Compression>) -> Vec<Golden> {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/py2p.json")).unwrap();
    let name = method.map(Compression::name);
    let cases = file.pointer("/messages").and_then(Value::as_array).unwrap();
    let text = |case: &Value, key| case.get(key).and_then(Value::as_str).map(str::to_owned);
    let chosen = cases.iter().filter(|case| text(case, "compression").as_deref() == name);
    let frames: Vec<_> = chosen
        .map(|case| Golden {
            frame: unhex(&text(case, "string_hex").unwrap()),
            methods: method.into_iter().collect(),
        })
        .collect();
    assert!(!frames.is_empty(), "the vectors have no messages under {name:?}");
    frames
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| digit.to_digit(16).unwrap().try_into().unwrap()).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}
