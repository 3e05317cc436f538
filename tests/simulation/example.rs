//! The example `sim_app`, and what it says that it prints.

#[expect(dead_code, reason = "its `main` is called by the example alone")]
#[path = "../../examples/sim_app.rs"]
mod sim_app;

#[test]
fn the_example_prints_what_its_head_says() {
    let source = include_str!("../../examples/sim_app.rs");
    let head: Vec<&str> =
        source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let said = head.split(|line| line.starts_with("```")).nth(1).unwrap();
    let printed = sim_app::run().unwrap();
    assert_eq!(printed.lines().collect::<Vec<_>>(), said);
}
