//! Running what may fail a check. The simulator panics there.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Runs something, and returns the text with which it panicked, where it did. Nothing is printed
/// meanwhile.
pub(super) fn attempt<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    // The caller asks nothing of what was run but what is whole between any two steps.
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(hook);
    outcome.map_err(|payload| text_of(payload.as_ref()))
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panicked without a text")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        // One test, because the hook belongs to the whole process.
        assert_eq!(attempt(|| 7), Ok(7));
        let number = attempt(|| 7).unwrap();
        assert_eq!(attempt(|| -> () { panic!("node {number}") }), Err("node 7".to_owned()));
        assert_eq!(attempt(|| -> () { panic!("plain") }), Err("plain".to_owned()));
    }
}
