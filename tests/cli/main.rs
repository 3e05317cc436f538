//! The program `rs2p`, run as users and scripts run it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod keys;
mod replay;

#[cfg(unix)]
use std::io::{BufRead, BufReader};
#[cfg(unix)]
use std::process::Stdio;
use std::process::{Command, Output};

use serde_json::Value;

fn rs2p(args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs2p")).args(args.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Simulates a mesh and reads its figures, but for those of real time and memory.
fn simulated(args: &str) -> Value {
    let output = rs2p(&format!("sim --json {args}"));
    assert_eq!(output.status.code(), Some(0), "{args}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{args}");
    let mut figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["ok"], true, "{args}: {figures}");
    let real = figures.as_object_mut().unwrap().remove("real").unwrap();
    assert!(real["us"].is_u64(), "{real}");
    figures
}

/// Runs a mesh and reads its figures.
fn figures(args: &str) -> Value {
    let output = rs2p(&format!("mesh --json {args}"));
    assert_eq!(output.status.code(), Some(0), "{args}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{args}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["ok"], true, "{args}: {figures}");
    figures
}

/// Whether a run took so many frames. On a busy machine a late handshake may be among them.
fn in_frames(figures: &Value, expected: u64) -> bool {
    figures["wire"]["frames"]
        .as_u64()
        .is_some_and(|found| (expected..expected + 6).contains(&found))
}

#[test]
fn every_shape_of_small_sizes_delivers_everything_once() {
    for topology in ["line", "ring", "star", "grid", "random"] {
        for nodes in [1, 2, 3, 5, 8] {
            let args = format!("--topology {topology} --nodes {nodes} --messages 20 --seed 5");
            let figures = figures(&args);
            let expected = 20 * (nodes - 1);
            assert_eq!(figures["deliveries"]["expected"], expected, "{args}");
            assert_eq!(figures["deliveries"]["delivered"], expected, "{args}");
            for wrong in ["missing", "duplicates", "echoes", "strays", "lagged"] {
                assert_eq!(figures["deliveries"][wrong], 0, "{wrong} of {args}");
            }
            assert_eq!(figures["closed"], nodes, "{args}: {figures}");
        }
    }
}

#[test]
fn json_holds_the_figures_of_the_shape() {
    let star = figures("--topology star --nodes 6 --messages 12 --size 100 --seed 1");
    assert_eq!(star["links"], 5);
    assert_eq!(star["degree"]["max"], 5);
    assert_eq!((&star["topology"], &star["seed"]), (&"star".into(), &1.into()));
    assert_eq!((&star["sent"], &star["wire"]["duplicates"]), (&12.into(), &0.into()));
    // A tree carries each message over each link once.
    assert!(in_frames(&star, 60), "{star}");
    let bytes = star["wire"]["bytes_per_delivery"].as_f64().unwrap();
    assert!((200.0..450.0).contains(&bytes), "{bytes}");
    for latency in ["min", "p50", "p99", "max"] {
        assert!(star["latency_us"][latency].is_u64(), "{star}");
    }
    for phase in ["bind", "join", "deliver", "close", "total"] {
        assert!(star["times_us"][phase].is_u64(), "{star}");
    }
}

#[test]
fn a_ring_drops_what_comes_from_both_sides() {
    let ring = figures("--topology ring --nodes 5 --messages 10");
    assert_eq!(ring["links"], 5);
    // The arms of a flood meet somewhere: one frame or two of each message come too late.
    let duplicates = ring["wire"]["duplicates"].as_u64().unwrap();
    assert!((10..=20).contains(&duplicates), "{ring}");
    assert!(in_frames(&ring, 40 + duplicates), "{ring}");
}

#[test]
fn a_mesh_delivers_under_each_encryption_and_tells_which() {
    assert_eq!(figures("--nodes 3 --messages 3")["encryption"], "tls");
    for encryption in ["plaintext", "tls", "rsa"] {
        if encryption == "rsa" && cfg!(not(feature = "rsa")) {
            continue;
        }
        let figures = figures(&format!("--nodes 3 --messages 6 --encryption {encryption}"));
        assert_eq!(figures["encryption"], encryption);
        assert_eq!(figures["deliveries"]["delivered"], 12, "{figures}");
    }
}

#[test]
fn a_simulation_has_the_same_figures_under_tls_and_may_be_under_rsa() {
    let args = "--nodes 8 --messages 9 --seed 3 --faults cuts=3,crashes=1 --encryption tls";
    let run = || {
        let mut figures = simulated(args);
        assert_eq!(figures["encryption"], "tls");
        // The bytes are others each time.
        assert!(figures.as_object_mut().unwrap().remove("trace_hash").unwrap().is_string());
        figures
    };
    assert_eq!(run(), run());
    assert_eq!(simulated("--nodes 2 --seed 1")["encryption"], "plaintext");
    if cfg!(feature = "rsa") {
        let figures = simulated("--nodes 2 --messages 2 --encryption rsa");
        assert_eq!(figures["deliveries"]["delivered"], 2, "{figures}");
    }
    let output = rs2p("sim --nodes 2 --encryption tls --messages 40 --size 4000000 --for 1ms");
    assert!(text(&output.stdout).ends_with(" --encryption tls\n"), "{output:?}");
}

#[test]
fn large_empty_and_no_messages_work() {
    let large = figures("--nodes 3 --messages 2 --size 4193280");
    assert_eq!(large["deliveries"]["delivered"], 4);
    assert_eq!(figures("--nodes 3 --size 0 --messages 5")["deliveries"]["delivered"], 10);
    let none = figures("--nodes 3 --messages 0");
    assert_eq!((&none["sent"], &none["latency_us"]), (&0.into(), &Value::Null));
}

#[test]
fn a_seed_repeats_the_links() {
    let degree = |args: &str| figures(args)["degree"].clone();
    assert_eq!(
        degree("--nodes 12 --messages 1 --seed 3"),
        degree("--nodes 12 --messages 1 --seed 3")
    );
    assert!(figures("--nodes 2 --messages 1")["seed"].is_u64());
}

#[test]
fn the_text_tells_each_phase_in_plain_lines() {
    let output = rs2p("mesh --nodes 4 --topology grid --messages 10 --seed 2");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("4 nodes, grid, tls, 10 messages of 64 bytes each, seed 2\n"),
        "{shown}"
    );
    let labels: Vec<&str> =
        shown.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let expected =
        ["nodes", "links", "delivered", "duplicates", "latency", "traffic", "closed", "ok"];
    assert_eq!(labels, expected, "{shown}");
    assert!(shown.contains("30 of 30"), "{shown}");
    assert!(!shown.contains(['\x1b', '\r']), "{shown:?}");
}

#[test]
fn a_simulated_mesh_of_every_shape_delivers_everything() {
    for topology in ["line", "ring", "star", "grid", "random"] {
        for nodes in [1, 2, 3, 10] {
            let args = format!("--topology {topology} --nodes {nodes} --messages 7 --seed 5");
            let figures = simulated(&args);
            let expected = 7 * (nodes - 1);
            assert_eq!(figures["deliveries"]["expected"], expected, "{args}");
            assert_eq!(figures["deliveries"]["delivered"], expected, "{args}");
            assert_eq!(figures["after"], Value::Null, "{args}");
            let farthest = figures["hops"]["max"].as_u64().unwrap_or(0);
            match topology {
                "star" if nodes > 2 => assert_eq!(farthest, 2, "{args}"),
                "line" => assert_eq!(farthest, nodes - 1, "{args}"),
                _ => assert!(farthest < nodes, "{args}"),
            }
        }
    }
}

#[test]
fn a_simulation_repeats_by_its_seed_with_and_without_faults() {
    let faults = "--faults cuts,partitions=2,pauses,crashes,clocks,black-holes=3,clogs,stalls,resets,refusals";
    for faults in ["", faults] {
        let run = |seed| simulated(&format!("--nodes 12 --degree 3 --seed {seed} {faults}"));
        assert_eq!(run(4), run(4));
        assert_ne!(run(4)["trace_hash"], run(5)["trace_hash"]);
    }
    let figures = simulated(&format!("--nodes 12 --seed 4 --for 1m {faults}"));
    assert_eq!(figures["faults"]["partitions"], 2, "{figures}");
    assert_eq!(figures["for_us"], 60_000_000, "{figures}");
    assert_eq!(figures["after"]["delivered"], 10 * 11, "{figures}");
}

#[test]
fn a_simulation_tells_what_it_does_and_writes_its_trace() {
    let path = std::env::temp_dir().join(format!("rs2p-trace-{}", std::process::id()));
    let args = format!("sim --nodes 3 --messages 2 --seed 2 --trace {}", path.display());
    let output = rs2p(&args);
    let trace = std::fs::read_to_string(&path);
    drop(std::fs::remove_file(&path));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let trace = trace.unwrap();
    assert_eq!(trace.matches(" event message from=").count(), 4, "{trace}");
    assert!(trace.lines().next().unwrap().contains("ms n"), "{trace}");
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("3 nodes, random, plaintext, 2 messages of 64 bytes each over"),
        "{shown}"
    );
    assert!(shown.contains("\ndelivered  4 of 4, 0 missing, 0 twice\n"), "{shown}");
    assert!(!shown.contains(['\x1b', '\r']), "{shown:?}");
    let nowhere = rs2p("sim --nodes 3 --seed 1 --trace /nowhere/at/all");
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(text(&nowhere.stderr).starts_with("error: the trace could not be written"));
}

#[test]
fn a_simulation_that_cannot_deliver_everything_says_how_to_repeat_it() {
    // More at once than a neighbor's queue holds.
    let output = rs2p("sim --nodes 2 --size 4000000 --messages 40 --for 1ms --seed 1");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output.stdout);
    let again = "again      rs2p sim --nodes 2 --topology random --degree 8 --seed 1 --messages 40 \
                 --size 4000000 --for 1ms\n";
    assert!(shown.ends_with(again), "{shown}");
}

#[test]
fn a_sweep_counts_its_scenarios() {
    let figures = simulated("--sweep 3 --seed 2");
    assert_eq!((&figures["count"], &figures["seed"]), (&3.into(), &2.into()));
    assert_eq!(figures["failed"], Value::Array(vec![]));
    assert!(figures["deliveries"].as_u64().unwrap() > 0, "{figures}");
    assert_eq!(figures, simulated("--sweep 3 --seed 2"));
    let among_strangers = simulated("--sweep 1 --seed 5 --strangers");
    assert_ne!(among_strangers["arrivals"], simulated("--sweep 1 --seed 5")["arrivals"]);
}

#[test]
fn a_scenario_is_given_by_its_line() {
    let figures = simulated("--scenario seed=5,nodes=3,cuts=1,actions=4 --shrink");
    assert_eq!((&figures["count"], &figures["seed"]), (&1.into(), &5.into()));
    // The last messages alone: three of each node to two others, and one that is as long as can be.
    assert!(figures["deliveries"].as_u64().unwrap() >= 20, "{figures}");
}

#[test]
fn the_help_of_sim_has_valid_examples() {
    let output = rs2p("sim --help");
    assert_eq!(rs2p("help sim"), output);
    let help = text(&output.stdout);
    let examples: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  rs2p sim")).collect();
    assert!(examples.len() >= 3, "{help}");
    for example in examples {
        let shorter = match example {
            _ if example.contains("--sweep") => "--sweep 1 --seed 4",
            _ if example.contains("--scenario") => "",
            _ => "--nodes 5",
        };
        let output = rs2p(&format!("sim {example} {shorter}"));
        assert_eq!(output.status.code(), Some(0), "{example}: {output:?}");
    }
}

#[test]
fn wrong_arguments_are_one_line_and_exit_code_2() {
    for (args, expected) in [
        ("mehs", "unknown command `mehs`; did you mean `mesh`?"),
        ("frobnicate", "unknown command `frobnicate`; try `rs2p --help`"),
        ("help frobnicate", "unknown command `frobnicate`; try `rs2p --help`"),
        ("--versoin", "unknown option `--versoin`; did you mean `--version`?"),
        ("mesh --node 3", "unknown option `--node`; did you mean `--nodes`?"),
        ("mesh 3", "unexpected argument `3`; try `rs2p mesh --help`"),
        ("mesh --nodes", "missing argument for option '--nodes'; try `rs2p mesh --help`"),
        ("mesh --frobnicate", "unknown option `--frobnicate`; try `rs2p mesh --help`"),
        ("mesh --nodes 0", "--nodes takes a number from 1 to 512, not `0`"),
        ("mesh --rate 0", "--rate takes a number from 1 to 1000000, not `0`"),
        ("mesh --for 2", "--for takes a time from 1ms to 24h as 500ms, 30s, 2m or 1h, not `2`"),
        (
            "mesh --rate 5 --for 1s --messages 5",
            "--rate has no effect: --messages and --for make the rate",
        ),
        ("mesh --messages 0 --for 1s", "--for has no effect: there are no messages to send"),
        ("mesh --encryption ssl", "--encryption takes one of plaintext, rsa, tls, not `ssl`"),
        ("mesh --timeout 0", "--timeout takes seconds from 0.001 to 3600, not `0`"),
        ("smi", "unknown command `smi`; did you mean `sim`?"),
        ("sim --node 3", "unknown option `--node`; did you mean `--nodes`?"),
        ("sim --nodes 0", "--nodes takes a number from 1 to 100000, not `0`"),
        ("sim --encryption ssl", "--encryption takes one of plaintext, rsa, tls, not `ssl`"),
        (
            "sim --sweep 2 --encryption tls",
            "--encryption has no effect: --sweep draws all but the seed",
        ),
        ("sim --sweep 2 --size 3", "--size has no effect: --sweep draws all but the seed"),
        ("sim 3", "unexpected argument `3`; try `rs2p sim --help`"),
        (
            "mesh --json=yes",
            "unexpected argument for option '--json': \"yes\"; try `rs2p mesh --help`",
        ),
    ] {
        let output = rs2p(args);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert_eq!(text(&output.stderr), format!("error: {expected}\n"), "{args}");
        assert_eq!(text(&output.stdout), "", "{args}");
    }
}

#[test]
fn help_and_version_are_on_stdout() {
    let overview = rs2p("");
    for args in ["--help", "-h", "help"] {
        assert_eq!(rs2p(args), overview, "{args}");
    }
    assert_eq!(overview.status.code(), Some(0));
    assert!(text(&overview.stdout).contains("\n  mesh "), "{overview:?}");
    let version = format!("rs2p {}\n", env!("CARGO_PKG_VERSION"));
    for args in ["--version", "-V"] {
        assert_eq!(text(&rs2p(args).stdout), version);
    }
}

#[test]
fn the_help_of_mesh_names_each_option_and_its_examples_are_valid() {
    let output = rs2p("mesh --help");
    for args in ["help mesh", "mesh -h", "mesh --nodes 3 --help"] {
        assert_eq!(rs2p(args), output, "{args}");
    }
    let help = text(&output.stdout);
    for option in [
        "nodes",
        "topology",
        "degree",
        "messages",
        "for",
        "rate",
        "size",
        "encryption",
        "seed",
        "timeout",
        "record",
        "chaos",
        "json",
    ] {
        assert!(help.contains(&format!("\n  --{option} ")), "{option}");
    }
    let examples: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  rs2p mesh")).collect();
    assert!(examples.len() >= 3, "{help}");
    for example in examples {
        // The last value of an option counts, which makes the examples short.
        let shorter = if example.contains("--for") { "--for 50ms" } else { "--messages 3" };
        let folder = std::env::temp_dir().join(format!("rs2p-examples-{}", std::process::id()));
        let elsewhere = match example.contains("--record") {
            true => format!("--record {}", folder.display()),
            false => String::new(),
        };
        let output = rs2p(&format!("mesh {example} --nodes 3 {shorter} {elsewhere}"));
        // Only one of them makes it.
        drop(std::fs::remove_dir_all(&folder));
        assert_eq!(output.status.code(), Some(0), "{example}: {output:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_open_files_are_explained() {
    let run = format!("ulimit -n 64; exec {} mesh --nodes 64", env!("CARGO_BIN_EXE_rs2p"));
    let output = Command::new("sh").args(["-c", &run]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stderr);
    assert!(shown.contains("open files") && shown.contains("`ulimit -n "), "{shown}");
    assert_eq!(shown.lines().count(), 1, "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error_and_a_reader_that_left_is_none() {
    for args in [
        "help",
        "--version",
        "mesh --help",
        "mesh --nodes 2 --messages 1",
        "mesh --nodes 2 --messages 1 --json",
        "sim --nodes 3",
        "sim --nodes 3 --json",
        "sim --sweep 1 --seed 3",
        "sim --sweep 1 --seed 3 --json",
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rs2p"));
        let output = command.args(args.split(' ')).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args}: {output:?}");
        let shown = text(&output.stderr);
        assert!(shown.starts_with("error: the output could not be written: "), "{args}: {shown}");
        assert_eq!(shown.lines().count(), 1, "{args}: {shown}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rs2p"));
        let output = command.args(args.split(' ')).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args}: {output:?}");
        assert_eq!(text(&output.stderr), "", "{args}");
    }
}

#[test]
fn a_rate_and_a_time_make_the_number_of_messages() {
    let paced = figures("--nodes 4 --for 300ms --rate 100");
    assert_eq!((&paced["messages"], &paced["sent"]), (&30.into(), &30.into()));
    assert_eq!(paced["deliveries"]["delivered"], 90, "{paced}");
    assert_eq!((&paced["for_us"], &paced["rate"]), (&300_000.into(), &100.into()));
    // The last message is due ten milliseconds before the end.
    assert!(paced["times_us"]["deliver"].as_u64().unwrap() >= 290_000, "{paced}");
    let spread = figures("--nodes 3 --for 300ms --messages 4");
    assert_eq!((&spread["sent"], &spread["rate"]), (&4.into(), &Value::Null));
    assert!(spread["times_us"]["deliver"].as_u64().unwrap() >= 225_000, "{spread}");
}

#[test]
fn a_time_alone_sends_for_so_long_and_everything_arrives_once() {
    let timed = figures("--nodes 3 --for 200ms");
    assert_eq!(timed["messages"], Value::Null);
    let sent = timed["sent"].as_u64().unwrap();
    assert!(sent > 1, "{timed}");
    assert_eq!(timed["deliveries"]["expected"], sent * 2, "{timed}");
    assert_eq!(timed["deliveries"]["delivered"], sent * 2, "{timed}");
    assert!(timed["times_us"]["deliver"].as_u64().unwrap() >= 200_000, "{timed}");
}

#[test]
fn silence_between_messages_is_no_timeout() {
    let slow = figures("--nodes 3 --for 3s --messages 3 --timeout 0.9");
    assert_eq!((&slow["sent"], &slow["behind"]), (&3.into(), &false.into()), "{slow}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_and_shows_what_was_found() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rs2p"));
    let args = "mesh --nodes 3 --for 1h --rate 50";
    command.args(args.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Once the mesh is linked, messages are sent.
    assert!(lines.any(|line| line.starts_with("links ")));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    let shown: Vec<String> = lines.collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(130), ""), "{shown:?}");
    let last = shown.last().unwrap();
    assert!(last.starts_with("stopped    interrupted while messages were sent; "), "{shown:?}");
    assert!(shown.iter().any(|line| line.starts_with("closed     3 of 3 nodes")), "{shown:?}");
    assert!(shown.iter().all(|line| !line.contains(['\x1b', '\r'])), "{shown:?}");
}
