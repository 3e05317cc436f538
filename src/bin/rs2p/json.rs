//! JSON as the commands print it.

use serde_json::Value;

/// A value on one line. All of it is ASCII, so that it can be shown anywhere: what is not is
/// escaped, which in JSON can stand in texts only.
pub(crate) fn ascii(value: &Value) -> String {
    let json = value.to_string();
    let mut line = String::with_capacity(json.len());
    for unit in json.chars() {
        if matches!(unit, ' '..='~') {
            line.push(unit);
        } else {
            for code in unit.encode_utf16(&mut [0; 2]) {
                line.push_str(&format!("\\u{code:04x}"));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_deceive_a_terminal_is_escaped_and_read_back() {
        let text = "h\u{e9} \u{202e} \u{7f} \u{9b} 😀 \u{1b} \"\\";
        let line = ascii(&json!({ "text": text }));
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json!({ "text": text }));
    }
}
