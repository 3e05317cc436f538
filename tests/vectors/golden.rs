//! Reads the vector file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that is not there fails its test")]

use std::sync::LazyLock;

use rs2p::wire::{Compression, Compressions};
use serde_json::Value;

static FILE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("py2p.json")).unwrap());

/// The cases of one section, such as `/base58/encode`.
pub(crate) fn cases(pointer: &str) -> &'static [Value] {
    FILE.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no list {pointer}"))
}

/// One value of the file.
pub(crate) fn value(pointer: &str) -> &'static Value {
    FILE.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

pub(crate) fn field<'a>(case: &'a Value, key: &str) -> &'a Value {
    case.get(key).unwrap_or_else(|| panic!("no key {key} in {case}"))
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    field(case, key).as_str().unwrap_or_else(|| panic!("{key} is no text in {case}"))
}

pub(crate) fn int(case: &Value, key: &str) -> u64 {
    field(case, key).as_u64().unwrap_or_else(|| panic!("{key} is no integer in {case}"))
}

pub(crate) fn flag(case: &Value, key: &str) -> bool {
    field(case, key).as_bool().unwrap_or_else(|| panic!("{key} is no truth value in {case}"))
}

pub(crate) fn bytes(case: &Value, key: &str) -> Vec<u8> {
    unhex(text(case, key))
}

pub(crate) fn texts<'a>(case: &'a Value, key: &str) -> Vec<&'a str> {
    let list = field(case, key).as_array().unwrap_or_else(|| panic!("{key} is no list in {case}"));
    list.iter().map(|element| element.as_str().unwrap()).collect()
}

pub(crate) fn byte_lists(case: &Value, key: &str) -> Vec<Vec<u8>> {
    texts(case, key).into_iter().map(unhex).collect()
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    assert!(hex.len() % 2 == 0, "half a byte in {hex}");
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The shortest big-endian bytes of an integer given by its digits in some base: the schoolbook
/// method, as the truth to compare with.
pub(crate) fn horner(digits: impl IntoIterator<Item = u32>, base: u32) -> Vec<u8> {
    let mut little_endian: Vec<u8> = Vec::new();
    for digit in digits {
        let mut carry = digit;
        for byte in &mut little_endian {
            carry += u32::from(*byte) * base;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            little_endian.push(carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    little_endian.reverse();
    little_endian
}

/// The shortest big-endian bytes of a decimal integer, of which the vectors have large ones.
pub(crate) fn decimal(text: &str) -> Vec<u8> {
    horner(text.chars().map(|digit| digit.to_digit(10).unwrap()), 10)
}

/// Counts `one` if this build has the method, and nothing otherwise.
pub(crate) fn count_if(method: Compression, one: usize) -> usize {
    if method.is_supported() { one } else { 0 }
}

/// Whether this build has every method of the list.
pub(crate) fn all_supported(list: Compressions) -> bool {
    list.iter().all(Compression::is_supported)
}
