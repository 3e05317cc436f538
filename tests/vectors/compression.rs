//! `compression_choice`: what a peer's list of methods means.

use rs2p::wire::{Compression, Compressions};

use crate::golden::{cases, count_if, field, texts, value};

#[test]
fn the_order_of_preference_is_py2ps() {
    let local = texts(value("/compression_choice"), "local");
    assert_eq!(local, Compression::all().map(Compression::name).collect::<Vec<_>>());
}

#[test]
fn the_method_to_send_with_is_py2ps_choice() {
    let mut seen = 0;
    for case in cases("/compression_choice/cases") {
        let used = field(case, "used_for_sending").as_str().map(|name| {
            Compression::parse(name).unwrap_or_else(|| panic!("unknown method in {case}"))
        });
        if used.is_some_and(|method| !method.is_supported()) {
            continue;
        }
        assert_eq!(Compressions::from_names(texts(case, "peer_list")).preferred(), used, "{case}");
        seen += 1;
    }
    assert_eq!(seen, 6 + count_if(Compression::Bz2, 2) + count_if(Compression::Lzma, 2));
}

#[test]
fn methods_are_tried_in_the_peers_order() {
    let mut seen = 0;
    for case in cases("/compression_choice/cases") {
        let list = Compressions::from_names(texts(case, "peer_list"));
        let tried: Vec<_> = list.iter().map(Compression::name).collect();
        assert_eq!(tried, texts(case, "tried_when_receiving"));
        seen += 1;
    }
    assert_eq!(seen, 10);
}
