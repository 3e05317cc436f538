//! What the fuzz targets check. The properties stand with the tests, which run them over the
//! corpora: see `tests/corpus`.

#[path = "../../tests/corpus/property/mod.rs"]
mod property;

/// Runs the property of this name.
///
/// # Panics
///
/// Where the property does not hold, or there is none of this name.
#[expect(clippy::expect_used, reason = "a fuzz target stops at what is wrong")]
pub fn hold(name: &str, data: &[u8]) {
    let property = property::PROPERTIES.iter().find(|property| property.name == name);
    (property.expect("a target is named for its property").check)(data);
}
