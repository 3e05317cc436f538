//! Which methods a node announces, or a frame may be under.

use std::fmt;

use super::Compression;
use crate::wire::json::{self, Reader};

/// An ordered list of methods without repetition: what a node announces or a frame may be under.
///
/// ```
/// use rs2p::wire::{Compression, Compressions};
///
/// let list = Compressions::from_names(["lzma", "snappy", "gzip", "lzma"]);
/// assert_eq!(list.iter().collect::<Vec<_>>(), [Compression::Lzma, Compression::Gzip]);
/// assert_eq!(list.preferred(), Some(Compression::Gzip));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Compressions {
    methods: [Option<Compression>; 3],
}

impl Compressions {
    /// No method: frames are plain.
    pub const NONE: Self = Self { methods: [None; 3] };

    /// Every method of this build, in order of preference.
    #[inline(never)]
    pub fn supported() -> Self {
        Compression::all().filter(|method| method.is_supported()).collect()
    }

    /// The methods with these names, in their order; unknown names are ignored.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(Compression::parse).collect()
    }

    /// Reads a JSON list of names, at most 64; unknown ones are ignored. `None` for anything
    /// else.
    pub fn from_json(json: &[u8]) -> Option<Self> {
        /// Python announces three.
        const MAX_NAMES: usize = 64;

        let names = json::read(json, |reader| reader.list(MAX_NAMES, Reader::text))?;
        Some(Self::from_names(names.iter().map(String::as_str)))
    }

    /// The names as a JSON list, laid out as py2p's: `["gzip", "bz2"]`.
    pub fn to_json(&self) -> String {
        let mut names = self.iter().map(|method| json::quote(method.name()));
        json::write_list(&mut || names.next())
    }

    /// The methods in order.
    pub fn iter(&self) -> impl Iterator<Item = Compression> + use<> {
        self.methods.into_iter().flatten()
    }

    /// Whether the list has this method.
    pub fn contains(&self, method: Compression) -> bool {
        self.methods.contains(&Some(method))
    }

    /// The method to send with: the first that this build has, in ITS order of preference, that
    /// the list names.
    pub fn preferred(&self) -> Option<Compression> {
        Self::supported().iter().find(|&method| self.contains(method))
    }
}

impl FromIterator<Compression> for Compressions {
    fn from_iter<I: IntoIterator<Item = Compression>>(methods: I) -> Self {
        let mut list = Self::NONE;
        for method in methods {
            if !list.contains(method) {
                if let Some(slot) = list.methods.iter_mut().find(|slot| slot.is_none()) {
                    *slot = Some(method);
                }
            }
        }
        list
    }
}

impl fmt::Debug for Compressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
