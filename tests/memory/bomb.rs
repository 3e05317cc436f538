//! Small bodies that ask for much.

use bytes::Bytes;
use rs2p::wire::Compression;

/// A body that decompresses to a thousand times its length or more.
pub(crate) struct Bomb {
    pub(crate) method: Compression,
    pub(crate) body: Bytes,
}

/// One bomb for each method, whether this build has it or not.
pub(crate) fn all() -> [Bomb; 3] {
    [
        // In this block a zero bit each stands for "the next 258 bytes" and "as the last one":
        // four such pairs a byte, 1 GiB in 1 MiB. It never ends, and need not.
        Bomb { method: Compression::Gzip, body: Bytes::from([ZLIB_START, &[0; 1 << 20]].concat()) },
        // 500 MB of zeros in 370 bytes.
        Bomb {
            method: Compression::Bz2,
            body: Bytes::from_static(include_bytes!("zeros-500m.bz2")),
        },
        // 64 MiB of zeros in 9,896 bytes.
        Bomb {
            method: Compression::Lzma,
            body: Bytes::from_static(include_bytes!("zeros-64m.xz")),
        },
    ]
}

/// The start of what zlib makes of a long run of zeros.
const ZLIB_START: &[u8] = b"\x78\xda\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x08\x5f\xa0";

/// A legacy .lzma of 4 GiB, by a dictionary of 4 GiB.
pub(crate) const LZMA_OF_4_GIB: &[u8] =
    b"\x5d\xff\xff\xff\xff\0\0\0\0\x01\0\0\0\0\x26\x16\x85\xbc\x46\xc5\x5a\xd1\x1c\x62";

/// `xxxxxxxxxxxxxxxxxxxx` by `xz -9`, whose dictionary has 64 MiB.
pub(crate) const XZ_OF_64_MIB: &[u8] = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0\x21\x01\x1c\0\0\0\
    \x10\xcf\x58\xcc\xe0\0\x13\0\x06\x5d\0\x3c\x6d\xfe\0\0\0\0\0\0\x84\xeb\x3e\x70\xcd\xa3\xe4\x1f\
    \0\x01\x22\x14\x76\x27\xee\x9d\x1f\xb6\xf3\x7d\x01\0\0\0\0\x04YZ";

/// bzip2's stream of no bytes.
pub(crate) const EMPTY_BZ2: &[u8] = b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0";

/// xz's container of no bytes.
pub(crate) const EMPTY_XZ: &[u8] = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\
    \0\0\0\0\x1c\xdf\x44\x21\x1f\xb6\xf3\x7d\x01\0\0\0\0\x04YZ";
