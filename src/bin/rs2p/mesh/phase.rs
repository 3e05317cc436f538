//! The parts of a run that Ctrl-C can end.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Bind,
    Join,
    Deliver,
}

impl Phase {
    /// As JSON has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Join => "join",
            Self::Deliver => "deliver",
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Bind => "while nodes were opened",
            Self::Join => "while nodes were linked",
            Self::Deliver => "while messages were sent",
        }
    }
}
