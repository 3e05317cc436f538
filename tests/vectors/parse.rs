//! `parse`: good, odd and damaged input.

use rs2p::wire::{
    Compression, Compressions, DecodeError, DecodeLimits, PathfindingMessage, base58,
};
use serde_json::Value;

use crate::golden::{
    all_supported, byte_lists, bytes, cases, count_if, decimal, flag, text, texts,
};

#[test]
fn input_is_read_or_refused_as_py2p_does() {
    let (mut read, mut refused, mut python_only) = (0, 0, 0);
    for case in cases("/parse") {
        if case.get("python_only").is_some() {
            // About types that the compiler keeps from being passed here.
            python_only += 1;
            continue;
        }
        let list = Compressions::from_names(texts(case, "compressions"));
        if !all_supported(list) {
            continue;
        }
        match (decode(case, list), case.get("ok")) {
            (Ok(message), Some(expected)) => {
                assert_fields(&message, expected);
                read += 1;
            }
            (Err(error), None) => {
                let class = text(case, "error");
                assert!(py2p_classes(error).contains(&class), "{error:?} is no {class}: {case}");
                refused += 1;
            }
            (result, _) => panic!("{result:?} for {case}"),
        }
    }
    let (bz2, lzma) = (count_if(Compression::Bz2, 1), count_if(Compression::Lzma, 1));
    assert_eq!(read, 13 + 2 * bz2 + 4 * lzma + 3 * bz2 * lzma);
    assert_eq!(refused, 24 + bz2 + lzma + bz2 * lzma);
    assert_eq!(python_only, 3);
}

fn decode(case: &Value, list: Compressions) -> Result<PathfindingMessage, DecodeError> {
    let input = bytes(case, "input_hex");
    if flag(case, "sizeless") {
        PathfindingMessage::decode_body(input.into(), list, DecodeLimits::PROTOCOL)
    } else {
        PathfindingMessage::decode(&input, list, DecodeLimits::PROTOCOL)
    }
}

/// The Python exceptions that py2p may raise where we have this error.
fn py2p_classes(error: DecodeError) -> &'static [&'static str] {
    match error {
        DecodeError::MissingData(_) | DecodeError::PacketLengths => &["struct.error"],
        DecodeError::SizeMismatch { .. } => &["AssertionError"],
        DecodeError::TooFewPackets { .. } => &["IndexError"],
        DecodeError::BadTimestamp => &["ValueError", "UnicodeDecodeError"],
        // Limits, which py2p lacks, and payloads, which it does not look at here.
        _ => &[],
    }
}

fn assert_fields(message: &PathfindingMessage, expected: &Value) {
    assert_eq!(message.msg_type(), bytes(expected, "main_hex"));
    assert_eq!(message.sender(), bytes(expected, "sender_hex"));
    assert!(message.payload().eq(byte_lists(expected, "payload_hex")));
    assert_eq!(message.id().as_str(), text(expected, "recomputed_id"));
    assert_eq!(message.time_58(), text(expected, "recomputed_time_58"));
    assert_eq!(base58::decode(message.time_58().as_bytes()), Ok(decimal(text(expected, "time"))));
    assert_eq!(message.time(), text(expected, "time").parse().ok());
    assert_eq!(message.compression_fail(), flag(expected, "compression_fail"));
}
