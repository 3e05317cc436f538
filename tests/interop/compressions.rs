//! Every method that py2p can be limited to, under both ways of using it at our end.

use rs2p::{Compress, MeshSocket};

use crate::nodes::{be_dialed, bind, builder, dial, recv_this};
use crate::py2p::{Message, PATIENCE, Py2p};

/// Has rs2p nodes that dial and are dialled talk with a py2p node of this one method, or `none`.
fn talks_under(method: &str) {
    let mut py2p = Py2p::start(&["--max-outgoing", "0", "--compression", method]);
    for compress in [Compress::WhenItPays, Compress::Always] {
        for dials in [true, false] {
            let mesh = bind(builder().configure(|config| config.compress = compress));
            if dials {
                dial(&mesh, &mut py2p);
            } else {
                be_dialed(&mesh, &mut py2p);
            }
            for heard in talk(&mesh, &mut py2p, &format!("{compress:?} {dials}")) {
                let packed = match compress {
                    Compress::Always => method != "none",
                    // What is short, or worth another method only, goes plain.
                    _ => method == "gzip" && heard.packets[1].len() > 512,
                };
                // Without a method py2p expects nothing, and misses nothing.
                assert_eq!(heard.compression_fail, method != "none" && !packed, "{compress:?}");
            }
            assert!(mesh.status().is_nominal(), "{}", mesh.status());
            assert!(mesh.close().is_clean());
            py2p.wait_for_loss(mesh.id());
        }
    }
    py2p.assert_nominal();
}

/// A broadcast and a whisper each way, short, long enough to be compressed, and no text. Returns
/// what py2p took.
fn talk(mesh: &MeshSocket, py2p: &mut Py2p, name: &str) -> Vec<Message> {
    let long = name.repeat(100);
    let mut taken = Vec::new();
    for said in [vec![name.as_bytes(), b"\0\xff", b""], vec![long.as_bytes()]] {
        mesh.send(&said).unwrap();
        mesh.whisper(&py2p.id(), &said).unwrap();
        for flag in ["broadcast", "whisper"] {
            let is_it = |heard: &Message| heard.main_flag == flag && heard.says(&said);
            let heard = py2p.recv_until(PATIENCE, is_it);
            assert_eq!((heard.sender, heard.packets[0].as_slice()), (mesh.id(), flag.as_bytes()));
            taken.push(heard);
        }
    }
    for said in [name, &long] {
        py2p.send_bytes(&[said.as_bytes(), b"\0\xff", b""]);
        let heard = recv_this(mesh, &[said.as_bytes(), b"\0\xff", b""]);
        assert_eq!((heard.sender(), heard.is_whisper()), (py2p.id(), false));
        py2p.whisper(mesh.id(), &[said]);
        let heard = recv_this(mesh, &[said]);
        assert_eq!((heard.sender(), heard.is_whisper()), (py2p.id(), true));
    }
    taken
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn both_talk_uncompressed() {
    talks_under("none");
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn both_talk_under_gzip() {
    talks_under("gzip");
}

#[test]
#[cfg(feature = "bzip2")]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn both_talk_under_bz2() {
    talks_under("bz2");
}

#[test]
#[cfg(feature = "xz")]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn both_talk_under_lzma() {
    talks_under("lzma");
}
