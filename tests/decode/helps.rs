//! What the papers say of the two commands.

use crate::program::{rs2p, text};

#[test]
fn wrong_arguments_are_one_line_and_exit_code_2() {
    for (args, expected) in [
        (&["decode", "--jsno"][..], "unknown option `--jsno`; did you mean `--json`?"),
        (&["decode", "--now", "x"], "--now takes a number from 0 to 18446744073709551615, not `x`"),
        (&["decode", "a.bin", "b.bin"], "unexpected argument `b.bin`; try `rs2p decode --help`"),
        (&["encode", "whisper", "--hxe"], "unknown option `--hxe`; did you mean `--hex`?"),
        (&["encode", "--from-json", "x"], "unexpected argument `x`; try `rs2p encode --help`"),
        (&["decod"], "unknown command `decod`; did you mean `decode`?"),
    ] {
        let output = rs2p(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stderr), format!("error: {expected}\n"), "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}

#[test]
fn a_line_that_makes_no_frame_is_named() {
    let output = rs2p(&["encode", "--from-json"], b"\n{}\n");
    assert_eq!(output.status.code(), Some(1));
    let expected = "error: line 2 makes no frame: it has no `packets`\n";
    assert_eq!(text(&output.stderr), expected);
}

#[cfg(unix)]
mod shell {
    use std::process::{Command, Output};

    use crate::program::{rs2p, text};

    /// Runs a line as a shell does, where `rs2p` is this build's.
    fn shell(line: &str) -> Output {
        let program = format!("rs2p() {{ {} \"$@\"; }}; {line}", env!("CARGO_BIN_EXE_rs2p"));
        Command::new("sh")
            .args(["-c", &program])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    #[test]
    fn the_examples_of_both_helps_are_valid() {
        for command in ["decode", "encode"] {
            let output = rs2p(&[command, "--help"], b"");
            assert_eq!(rs2p(&["help", command], b""), output);
            let help = text(&output.stdout);
            let (_, examples) = help.split_once("\nExamples:\n").unwrap();
            assert!(examples.lines().count() >= 3, "{help}");
            for example in examples.lines() {
                let output = shell(example);
                assert_eq!(output.status.code(), Some(0), "{example}: {output:?}");
                assert_eq!(text(&output.stderr), "", "{example}");
                assert_ne!(text(&output.stdout), "", "{example}");
            }
        }
    }

    #[test]
    fn the_readme_shows_what_is_printed() {
        let readme = include_str!("../../README.md");
        let (_, chapter) = readme.split_once("\n## Take frames apart\n").unwrap();
        let (chapter, _) = chapter.split_once("\n## ").unwrap();
        let mut seen = 0;
        for block in chapter.split("```console\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            for part in block.split_inclusive('\n').collect::<String>().split("$ ").skip(1) {
                let (line, expected) = part.split_once('\n').unwrap();
                assert_eq!(text(&shell(line).stdout), expected, "{line}");
                seen += 1;
            }
        }
        assert!(seen >= 2, "{chapter}");
    }
}
