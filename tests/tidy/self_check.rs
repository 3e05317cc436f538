//! The checker checked: each rule is broken here once, and must be reported at its line.

use super::findings;

/// Asserts that `code` in file `path`, put under a one-line head, breaks exactly these rules.
fn assert_found(path: &str, code: &str, expected: &[&str]) {
    let found = findings(path, &format!("//! Head.\n{code}"));
    let expected: Vec<_> = expected.iter().map(|rule| format!("{path}:{rule}")).collect();
    assert_eq!(found, expected, "in {code:?}");
}

#[test]
fn a_forbidden_import_is_found_in_every_form() {
    let rule = "room `wire` imports `node`; it may import time";
    for code in [
        "use crate::node::Node;",
        "use crate::node;",
        "pub(crate) use crate::node::*;",
        "fn f() { let x = crate::node::Node::new(1); }",
        "fn f(x: &mut crate::node::Node) {}",
        "use crate::{time::Instant, node::{self, Node as N}};",
        "vec![crate::node::A]",
    ] {
        let line = format!("2: {rule}");
        let count = if code.contains("self") { 2 } else { 1 };
        assert_found("src/wire/id.rs", code, &vec![line.as_str(); count]);
    }
    assert_found(
        "src/wire/id.rs",
        "use crate::{\n    time::Instant,\n    wire::Flag,\n    driver::{\n        Driver,\n    },\n};",
        &["6: room `wire` imports `driver`; it may import time"],
    );
    assert_found(
        "src/time.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::wire::Flag;\n}",
        &["4: room `time` imports `wire`; it may import nothing of ours"],
    );
}

#[test]
fn the_front_door_is_no_way_into_another_room() {
    let whole = ["2: room `node` names the whole crate"];
    assert_found(
        "src/node/mod.rs",
        "//! a\n//! b\nuse crate as root;",
        &["4: room `node` names the whole crate"],
    );
    assert_found("src/node/flood.rs", "extern crate self as rs2p;", &whole);
    let door = "2: room `node` imports `NodeId`; it may import wire, session, rsa, identity, secret, signature, event, error, time, conn_id, sorted_map";
    assert_found("src/node/flood.rs", "use crate::NodeId;", &[door]);
    assert_found("src/pipe.rs", "fn f() {}", &["1: room `pipe` is not on the plan"]);
}

#[test]
fn super_may_climb_inside_a_room_but_not_out_of_it() {
    let out = |line| format!("{line}: `super` climbs out of room `wire`");
    assert_found("src/wire/id.rs", "use super::Flag;", &[]);
    assert_found("src/wire/id.rs", "mod tests {\n    use super::super::Flag;\n}", &[]);
    assert_found("src/wire/id.rs", "mod tests {}\nuse super::super::node::Node;", &[&out(3)]);
    assert_found("src/wire/id.rs", "fn f() { self::super::super::node::f() }", &[&out(2)]);
    assert_found("src/wire/id.rs", "mod a {\n    use super::super::super::node;\n}", &[&out(3)]);
    let head = "//! a\n//! b\n";
    assert_found("src/wire/mod.rs", &format!("{head}mod t {{ use super::Flag; }}"), &[]);
    assert_found("src/wire/mod.rs", &format!("{head}use super::node::Node;"), &[&out(4)]);
    assert_found("src/wire/mod.rs", &format!("{head}pub(super) struct A;"), &[]);
}

#[test]
fn the_plans_directions_are_allowed() {
    assert_found("src/wire/id.rs", "use crate::{time::Instant, wire::{Flag, frame::*}};", &[]);
    assert_found("src/node/mod.rs", "//! a\n//! b\nuse crate::session::Plain;", &[]);
    assert_found("src/socket.rs", "pub(crate) struct A(crate::driver::Handle);", &[]);
    assert_found("src/lib.rs", "pub use crate::node::Node; mod socket;", &[]);
    assert_found("src/bin/rs2p/main.rs", "use rs2p::wire::Flag; use crate::args::Args;", &[]);
}

#[test]
fn entropy_is_drawn_in_one_file_of_the_pure_rooms_and_for_none_of_them() {
    let finding = "2: a pure room names entropy: `crate::rsa::encrypt`";
    assert_found("src/session/rsa.rs", "use crate::rsa::{encrypt, encrypt_with};", &[finding]);
    assert_found("src/rsa_socket/mod.rs", "//! a\n//! b\nuse crate::rsa::newkeys;", &[]);
    let draws = "use rand::rngs::SysRng;";
    assert_found("src/rsa/entropy.rs", draws, &[]);
    let finding = "2: a pure room names entropy: `rand::rngs::SysRng`";
    assert_found("src/rsa/key.rs", draws, &[finding]);
}

#[test]
fn a_pure_room_names_nothing_of_the_outside() {
    for (code, what) in [
        ("use mio;", "the poller: `mio`"),
        ("use mio::Token;", "the poller: `mio::Token`"),
        ("use std::net::TcpStream;", "sockets and clocks: `std::net::TcpStream`"),
        ("use std::{fmt, net::{self as n}};", "sockets and clocks: `std::net::self`"),
        ("fn f(x: ::std::time::Instant) {}", "sockets and clocks: `std::time::Instant`"),
        ("use std::time;", "sockets and clocks: `std::time`"),
        ("use std::thread;", "the operating system: `std::thread`"),
        ("fn f() { std::fs::read(x) }", "the operating system: `std::fs::read`"),
        ("fn f() { std::env::var(x) }", "the operating system: `std::env::var`"),
        ("use std::process::exit;", "the operating system: `std::process::exit`"),
        ("use std as s;", "the whole standard library: `std`"),
        ("fn f() { io::stdout().lock() }", "the console: `io::stdout`"),
        ("fn f() { rand::rng().next_u64() }", "entropy: `rand::rng`"),
        ("fn f() { rand::random::<u8>() }", "entropy: `rand::random`"),
        ("use rand::rngs::{StdRng, SysRng};", "entropy: `rand::rngs::SysRng`"),
        ("fn f() { rand::thread_rng() }", "entropy: `rand::thread_rng`"),
        ("fn f() { getrandom::fill(x) }", "entropy: `getrandom::fill`"),
    ] {
        let finding = format!("2: a pure room names {what}");
        assert_found("src/sim/links.rs", code, &[&finding]);
        assert_found("src/rsa_socket.rs", code, &[]);
    }
    let fine =
        "use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, AddrParseError};
        use std::time::Duration; use std::io::{self, Read}; use rand::{SeedableRng, rngs::StdRng};
        fn f(mio: Duration) { self.mio.thread }";
    assert_found("src/sim/links.rs", fine, &[]);
}

#[test]
fn the_library_does_not_print_or_switch_lints_off_or_read_a_clock() {
    let clock = "2: only src/driver/clock.rs and src/rsa_socket/deadline.rs read a clock";
    for (code, rule) in [
        ("fn f() { println!() }", "2: the library prints: `println!`"),
        ("fn f() { std::eprintln!() }", "2: the library prints: `eprintln!`"),
        ("unsafe fn f() {}", "2: `unsafe`"),
        ("#[allow(dead_code)]", "2: `allow` of a lint: use `expect` with a reason"),
        ("#![allow(dead_code)]", "2: `allow` of a lint: use `expect` with a reason"),
        ("#[cfg_attr(x, allow(y))]", "2: `allow` of a lint: use `expect` with a reason"),
        ("#[path = \"../x.rs\"] mod x;", "2: a module's file is where its name says"),
        ("// TODO: later", "2: TODO: open points are issues"),
        ("/// FIXME", "2: FIXME: open points are issues"),
        ("fn f() { Instant::now() }", clock),
        ("fn f() { std::time::SystemTime::now() }", clock),
        ("fn f() { start.elapsed() }", clock),
    ] {
        assert_found("src/lib.rs", code, &[rule]);
        assert_found("src/driver/loop.rs", code, &[rule]);
    }
    assert_found("src/driver/clock.rs", "fn f() { Instant::now(); SystemTime::now() }", &[]);
    assert_found("src/driver/loop.rs", "fn f(a: XXXL) { clock.now(); a != print; allow(1) }", &[]);
    assert_found("src/bin/rs2p/main.rs", "fn f() { println!(); Instant::now(); } // TODO", &[]);
    let own = "2: the binary names room `wire` as its own; it may use only `rs2p::`";
    assert_found("src/bin/rs2p/main.rs", "use crate::wire::Flag;", &[own]);
}

#[test]
fn a_file_has_a_head_and_an_end() {
    assert_eq!(
        findings("src/lib.rs", "mod wire;\n"),
        ["src/lib.rs:1: the file does not open with a `//!` doc"]
    );
    assert_found("src/wire/mod.rs", "//! b", &["1: the `//!` doc has less than 3 lines"]);
    assert_found("tests/mesh/main.rs", &"\n".repeat(599), &[]);
    assert_found(
        "tests/mesh/main.rs",
        &"\n".repeat(600),
        &["601: the file is longer than 600 lines"],
    );
}

#[test]
fn comments_and_literals_are_no_code() {
    let quiet = r####"
/// Not for `crate::node`. /* not open
/* crate::node /* nested crate::node */ crate::node */
fn f<'a>(x: &'a str) -> char {
    let a = "crate::node \" crate::node \\";
    let b = r#"crate::node " crate::node"#;
    let c = br"crate::node\";
    let d = ('"', '\'', '\u{22}', b'"', '/');
    "several
lines of crate::node"
}"####;
    assert_found("src/wire/id.rs", quiet, &[]);
    let loud = format!("{quiet}\nfn g<'a>() {{ crate::node::f('\"') }}");
    assert_found("src/wire/id.rs", &loud, &["13: room `wire` imports `node`; it may import time"]);
}
