//! Scripts for the properties that read them, written by hand: one for each part of a life that a
//! fuzzer would take long to come upon. The numbers are those of `node/steps.rs`, `mesh/mod.rs`,
//! `rsa_records.rs` and `session.rs`, and of `node/peer.rs` for what is in a message.

const ACCEPT: [u8; 2] = [0, 1 | 1 << 2];
const DIAL: [u8; 2] = [0, 2 << 2];
const SEED: [u8; 2] = [0, 2 | 3 << 2];

/// Ids of peers by their places in `peer.rs`.
const A: u8 = 0;
const Z: u8 = 1;
const SELF: u8 = 4;

const BROADCAST: u8 = 0;
const WHISPER: u8 = 2;
const RENEGOTIATE: u8 = 3;
const PLAIN: u8 = 7;
const ONCE: u8 = 0;

/// A handshake on a connection, extended.
fn handshake(conn: u8, id: u8, bits: u8) -> Vec<u8> {
    vec![2, conn, id, bits, ONCE]
}

/// A message on a connection: main flag, sender, number, method, payload.
fn message(conn: u8, main: u8, sender: u8, number: u8, method: u8, payload: &[u8]) -> Vec<u8> {
    [&[6, conn, main, sender, 0, number, method], payload, &[ONCE]].concat()
}

fn happen(conn: u8, what: u8) -> Vec<u8> {
    vec![15, conn, what]
}

fn pass(pause: u8) -> Vec<u8> {
    vec![20, pause]
}

fn ask(what: u8, id: u8, more: &[u8]) -> Vec<u8> {
    [&[22, what, id], more].concat()
}

/// Two neighbors: one that dialled, one that was dialled.
fn neighbors(bits: u8) -> Vec<u8> {
    neighbors_within(0, bits)
}

/// The same under other limits: see `configure` in `node/mod.rs`.
fn neighbors_within(limits: u8, bits: u8) -> Vec<u8> {
    [
        &[limits, 0, 0, 3 | 7 << 2 | 3 << 5][..],
        &ACCEPT,
        &handshake(1, A, bits | 4 | 1 << 4),
        &DIAL,
        &happen(2, 0),
        &handshake(2, Z, bits | 2 << 4),
        &pass(1),
    ]
    .concat()
}

const HELLO: [u8; 7] = [0, 5, b'h', b'e', b'l', b'l', b'o'];

/// The steps behind the start.
fn with(start: &[u8], steps: &[&[u8]]) -> Vec<u8> {
    [start, &steps.concat()].concat()
}

pub(crate) fn node() -> Vec<Vec<u8>> {
    [talks(), troubles()].concat()
}

fn talks() -> Vec<Vec<u8>> {
    let both = neighbors(0);
    let legacy = neighbors(2);
    vec![
        both.clone(),
        with(&both, &[&message(1, BROADCAST, A, 1, PLAIN, &HELLO), &happen(2, 6)]),
        with(
            &both,
            &[&message(1, BROADCAST, A, 1, 0, &HELLO), &message(2, BROADCAST, A, 1, 1, &HELLO)],
        ),
        with(&legacy, &[&message(1, BROADCAST, A, 0, PLAIN, &HELLO), &pass(2)]),
        with(&both, &[&message(1, WHISPER, A, 0, 2, &[1, 2, b'h', b'i']), &happen(1, 1)]),
        // Broadcasts and whispers of the user, a locate that is answered, a close.
        with(&both, &[&ask(0, A, &[2, b'h', b'i']), &ask(4, Z, &[1, b'x']), &happen(1, 6)]),
        with(&both, &[&ask(6, 2, &[]), &message(1, WHISPER, A, 0, PLAIN, &[5, 0, 3, 2]), &pass(4)]),
        with(
            &both,
            &[
                &ask(4, 2, &[1, b'x']),
                &message(1, WHISPER, A, 0, PLAIN, &[5, 0, 3, 2]),
                &happen(3, 0),
                &handshake(3, 2, 0),
            ],
        ),
        with(&both, &[&[22, 255, A], &pass(3)]),
        // Questions of a neighbor, for everybody and for one.
        with(
            &both,
            &[
                &message(1, WHISPER, A, 0, PLAIN, &[4, 0, 7]),
                &message(1, BROADCAST, A, 0, PLAIN, &[4, 1, Z, 7]),
            ],
        ),
        with(&both, &[&message(1, WHISPER, A, 0, PLAIN, &[3, 2, 5, 2, 6, 3]), &happen(3, 3)]),
        // Agreeing anew, saying it again, and a second handshake.
        with(
            &both,
            &[
                &message(1, RENEGOTIATE, A, 0, PLAIN, &[6, 1]),
                &message(1, RENEGOTIATE, A, 0, PLAIN, &[7]),
                &handshake(1, A, 0),
            ],
        ),
    ]
}

fn troubles() -> Vec<Vec<u8>> {
    let both = neighbors(0);
    let legacy = neighbors(2);
    vec![
        // A second connection of the same id: asked about, answered, taken.
        with(
            &both,
            &[
                &ACCEPT,
                &handshake(3, A, 3 << 4),
                &message(1, WHISPER, A, 0, PLAIN, &[8, 2]),
                &pass(5),
            ],
        ),
        with(&both, &[&ACCEPT, &handshake(3, A, 3 << 4), &pass(3), &pass(3)]),
        with(&legacy, &[&ACCEPT, &handshake(3, A, 2), &pass(6)]),
        // Oneself, another mesh, one without an extension, garbage, a cut frame.
        with(&[0, 0, 0, 255], &[&ACCEPT, &handshake(1, SELF, 0), &ACCEPT, &handshake(2, A, 1)]),
        with(&[1, 1, 0, 255], &[&ACCEPT, &handshake(1, A, 0), &ask(0, A, &[1, b'x']), &pass(1)]),
        with(&both, &[&[13, 1, 4, 255, 255, 255, 255]]),
        with(&both, &[&[14, 1, 3, 1, 2, 3, 14, 1, 0], &pass(6)]),
        with(&both, &[&[2, 1, A, 0, 240], &[6, 1, BROADCAST, A, 0, 2, PLAIN], &HELLO, &[200]]),
        // As many questions as may be remembered, and one more of a neighbor.
        with(
            &neighbors_within(16, 0),
            &[&ask(6, 2, &[]), &ask(6, 2, &[]), &message(1, BROADCAST, A, 0, PLAIN, &[4, 1, 2, 7])],
        ),
        // A seed that fails and comes back, a full queue, a bomb, a clock that is set.
        with(
            &[0, 0, 0, 255],
            &[&SEED, &happen(1, 3), &pass(2), &happen(2, 0), &handshake(2, A, 0)],
        ),
        with(
            &[6, 2, 0, 255],
            &[&ACCEPT, &handshake(1, A, 0), &ask(15, A, &[40, 0]), &ask(15, A, &[40, 0]), &pass(5)],
        ),
        with(
            &both,
            &[
                &message(1, BROADCAST, A, 3, 0, &[9, 18]),
                &[6, 1, BROADCAST, A, 0, 4, 0, 9, 18, 195],
                &happen(1, 4),
            ],
        ),
        with(&both, &[&happen(0, 5 + 8 * 9), &message(1, BROADCAST, A, 1, PLAIN, &HELLO)]),
    ]
}

pub(crate) fn mesh() -> Vec<Vec<u8>> {
    const ALL: [u8; 2] = [17, 0];
    // A ring, handshakes done.
    let ring =
        [&[0, 0, 1][..], &[0, 1, 2], &[0, 2, 0], &ALL, &ALL, &[22, 0, 1], &ALL, &ALL].concat();
    let text = |step: u8, node: u8, text: &[u8]| {
        [&[step, node, u8::try_from(text.len()).unwrap()], text].concat()
    };
    let whisper = |from: u8, to: u8| vec![9, from, to, 2, b'h', b'i'];
    let with = |bits: [u8; 3], steps: &[&[u8]]| [&bits[..], &ring, &steps.concat()].concat();
    let hello = text(3, 0, b"hello");
    vec![
        vec![],
        with([0; 3], &[&hello, &ALL, &ALL, &text(3, 1, b"hello"), &ALL]),
        with([0; 3], &[&hello, &hello, &[7, 2], &[7, 2], &ALL, &ALL]),
        with([1; 3], &[&hello, &hello, &ALL, &ALL, &ALL]),
        with([0, 1, 0], &[&hello, &ALL, &text(3, 2, b"hello"), &[22, 0, 2], &ALL]),
        with([8; 3], &[&hello, &[11, 0, 0, 3, 0], &[11, 0, 1, 1, 0], &[20, 0, 0, 0], &ALL]),
        with([0; 3], &[&hello, &[20, 0, 1, 1], &[22, 0, 3], &[0, 0, 1], &ALL, &hello, &ALL]),
        with([2; 3], &[&whisper(0, 1), &whisper(2, 1), &ALL, &[21, 0, 1], &whisper(0, 1), &ALL]),
        // A line whose ends whisper: they locate each other and dial.
        [&[2, 2, 2][..], &[0, 0, 1, 0, 1, 2], &ALL, &ALL, &ALL, &whisper(0, 2), &ALL, &ALL, &ALL]
            .concat(),
        // Both dial at once.
        [&[0, 0, 0][..], &[0, 0, 1, 0, 1, 0], &ALL, &hello, &ALL, &[22, 0, 3], &ALL].concat(),
        [
            &[1, 1, 1][..],
            &[0, 0, 1, 0, 1, 0],
            &ALL,
            &[22, 0, 1],
            &ALL,
            &hello,
            &ALL,
            &[22, 0, 3],
            &ALL,
        ]
        .concat(),
        with([4; 3], &[&[8, 0, 0, 200], &[8, 0, 0, 200], &[11, 0, 0, 99, 9], &[22, 0, 5], &ALL]),
        // Every node another way, a dial that is refused, a crowd of cuts.
        with(
            [0x28, 0x50, 0x71],
            &[&hello, &ALL, &[19, 0, 0], &[20, 0, 2, 1], &[20, 0, 0, 0], &ALL],
        ),
    ]
}

pub(crate) fn rsa_records() -> Vec<Vec<u8>> {
    const HI: [u8; 4] = [10, 2, b'h', b'i'];
    let mut seeds = Vec::new();
    for role in [0, 1] {
        let with = |limit: u8, steps: &[&[u8]]| [&[role, limit, 7][..], &steps.concat()].concat();
        seeds.extend([
            with(0, &[]),
            with(0, &[b"\x00\x0fGET / HTTP/1.1\r\n"]),
            with(0, &[&[1], &[2], &[3], &[4]]),
            with(0, &[&[3], &[4], &[1], &[2], &HI]),
            with(0, &[b"\x00\x101000000000000000"]),
            with(0, &[&[5], &HI, &[10, 0], &HI]),
            with(1, &[&[5], &HI, &[10, 80], &[b'x'; 80], &HI]),
            // A signature of another message, and one by another key.
            with(0, &[&[5], &HI, &[9, 1, b'a', 1, b'b', 1]]),
            with(0, &[&[5], &[9, 1, b'a', 1, b'a', 1], &[9, 1, b'a', 1, b'a', 0]]),
            // Counts that are absurd, and blocks that are none.
            with(0, &[&[5], &[7, 9, 0, 0, 0, 5, 0, 0, 0, 0, 1]]),
            with(0, &[&[5], &[7, 5, 255, 255, 255, 255, 1]]),
            with(2, &[&[5], &[10, 0], &HI]),
            with(0, &[&[5], &HI, &[8], &HI]),
        ]);
    }
    seeds
}

pub(crate) fn session() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in [0, 1, 2] {
        let with = |steps: &[&[u8]]| [&[kind][..], &steps.concat()].concat();
        let (hi, ho): (&[u8], &[u8]) = (&[0, 0, 2, b'h', b'i'], &[0, 1, 2, b'h', b'o']);
        let all: &[u8] = &[14, 0];
        seeds.extend([
            with(&[]),
            with(&[hi, ho]),
            with(&[all, all, hi, ho, all, &[3, 0, 255, 255], &[3, 1, 255, 255]]),
            with(&[all, all, hi, &[4, 0, 4], &[6, 1, 9, 0], &[4, 1, 4], &[6, 1, 9, 0], &[4, 1, 1]]),
            // A byte of the opening, and one of a message.
            with(&[&[4, 0, 4], &[13, 1, 5, 0, 1], all, hi]),
            with(&[all, all, hi, &[4, 0, 4], &[13, 1, 9, 0, 128], all, ho]),
            with(&[all, all, hi, hi, &[4, 0, 4], &[13, 1, 60, 0, 1], all, &[12, 1], ho]),
            with(&[all, all, hi, &[12, 0], ho, all]),
            // Something wrong comes behind the own end.
            with(&[all, all, hi, &[4, 0, 4], &[13, 1, 9, 0, 128], &[12, 1], all]),
        ]);
    }
    seeds
}
