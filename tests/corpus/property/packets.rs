//! A body is split into the packets that its table of lengths states, or refused where that does
//! not add up; and what was split joins to the same body.
//!
//! Input: the most packets in one byte, the body.

use bytes::Bytes;
use rs2p::wire::{DecodeError, Packets};

use super::script::Script;

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let max_count = usize::from(script.byte());
    let body = script.rest();
    let split = Packets::split(Bytes::copy_from_slice(body), max_count);
    match (&split, read(body, max_count)) {
        (Ok(packets), Ok(expected)) => {
            assert_eq!(packets.count(), expected.len());
            assert_eq!(packets.iter().collect::<Vec<_>>(), expected);
            assert_eq!(packets.body(), body);
            for (index, packet) in expected.iter().enumerate() {
                assert_eq!(packets.get(index), Some(*packet));
            }
            assert_eq!(packets.get(expected.len()), None);
            assert_eq!(Packets::join(&expected).as_ref(), Ok(packets));
        }
        (Err(error), Err(expected)) => assert_eq!(*error, expected),
        (_, expected) => panic!("{split:?} instead of {expected:?}"),
    }
}

/// The packets by a plain reading: lengths until they and their packets fill the body.
fn read(body: &[u8], max_count: usize) -> Result<Vec<&[u8]>, DecodeError> {
    let total = u128::try_from(body.len()).unwrap();
    let mut lens: Vec<u128> = Vec::new();
    let table = |lens: &[u128]| 4 * u128::try_from(lens.len()).unwrap();
    let filled = |lens: &[u128]| table(lens) + lens.iter().sum::<u128>();
    while filled(&lens) < total {
        let start = usize::try_from(table(&lens)).unwrap();
        let Some(entry) = body.get(start..start + 4) else { break };
        if lens.len() == max_count {
            return Err(DecodeError::TooManyPackets { max: max_count });
        }
        lens.push(u128::from(u32::from_be_bytes(entry.try_into().unwrap())));
    }
    if filled(&lens) != total {
        return Err(DecodeError::PacketLengths);
    }
    let mut rest = &body[usize::try_from(table(&lens)).unwrap()..];
    let packet = |len| {
        let (packet, behind) = rest.split_at(usize::try_from(len).unwrap());
        rest = behind;
        packet
    };
    Ok(lens.into_iter().map(packet).collect())
}
