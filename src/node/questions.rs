//! The questions that a node has met lately, its own and others'.

use crate::sorted_map::SortedMap;
use crate::wire::{NodeId, RequestId};

/// The most answers that are passed back to one question: the first may be wrong.
const MAX_ANSWERS: u8 = 3;

/// The part of the memory that the questions of one neighbor may take, and that is kept for this
/// node's own, as its divisor.
const SHARE: usize = 4;

/// Remembers each question for as long as copies of it may come, so that it is dealt with once
/// however often the mesh repeats it.
#[derive(Debug, Default)]
pub(super) struct Questions {
    by_id: SortedMap<RequestId, Question>,
}

/// One question.
#[derive(Debug)]
struct Question {
    /// The neighbor that asked; `None` for this node's own.
    asker: Option<NodeId>,
    wanted: NodeId,
    /// How many more answers are passed back.
    answers_left: u8,
}

impl Questions {
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn knows(&self, request_id: &RequestId) -> bool {
        self.by_id.contains_key(request_id)
    }

    /// Remembers a question, if there is room for it among `max` and in its asker's share. A part of
    /// the room is kept for this node's own.
    pub(super) fn insert(
        &mut self,
        request_id: RequestId,
        asker: Option<NodeId>,
        wanted: NodeId,
        max: usize,
    ) -> bool {
        let its = self.by_id.values().filter(|question| question.asker == asker).count();
        let part = max / SHARE;
        let (most, share) = match asker {
            Some(_) => (max - part, part.max(1)),
            None => (max, max),
        };
        let has_room = self.by_id.len() < most && its < share;
        if has_room {
            let question = Question { asker, wanted, answers_left: MAX_ANSWERS };
            self.by_id.insert(request_id, question);
        }
        has_room
    }

    /// To whom an answer about this node goes back, if somebody else asked for it.
    pub(super) fn way_back(&mut self, request_id: &RequestId, id: &NodeId) -> Option<NodeId> {
        let question = self.by_id.get_mut(request_id)?;
        let asker = question.asker.filter(|_| question.wanted == *id)?;
        question.answers_left = question.answers_left.checked_sub(1)?;
        Some(asker)
    }

    pub(super) fn forget(&mut self, request_id: &RequestId) {
        self.by_id.remove(request_id);
    }

    /// Forgets all, and tells which there were.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        std::mem::take(&mut self.by_id).into_iter().map(|(request_id, _)| request_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rid(text: &str) -> RequestId {
        RequestId::parse(text.as_bytes()).unwrap()
    }

    fn id(text: &str) -> NodeId {
        text.parse().unwrap()
    }

    #[test]
    fn three_answers_about_the_wanted_node_go_back_and_none_about_another() {
        let mut questions = Questions::default();
        assert!(questions.insert(rid("q"), Some(id("asker")), id("far"), 8));
        assert_eq!(questions.way_back(&rid("q"), &id("other")), None);
        for _ in 0..3 {
            assert_eq!(questions.way_back(&rid("q"), &id("far")), Some(id("asker")));
        }
        assert_eq!(questions.way_back(&rid("q"), &id("far")), None);
        assert!(questions.knows(&rid("q")), "copies may still come");
    }

    #[test]
    fn no_neighbor_fills_the_memory_alone() {
        let mut questions = Questions::default();
        let mut ask = |number: usize, asker: &str| {
            questions.insert(rid(&format!("{asker}{number}")), Some(id(asker)), id("far"), 8)
        };
        assert_eq!([0, 1, 2].map(|number| ask(number, "greedy")), [true, true, false]);
        assert!(ask(0, "modest"));
    }
    #[test]
    fn t34_all_neighbors_together_leave_a_quarter_to_the_nodes_own() {
        let mut questions = Questions::default();
        for asker in 0..8 {
            for number in 0..2 {
                let name = rid(&format!("{asker}-{number}"));
                questions.insert(name, Some(id(&asker.to_string())), id("far"), 8);
            }
        }
        assert_eq!(questions.count(), 6);
        let own = [0, 1, 2].map(|it| questions.insert(rid(&it.to_string()), None, id("far"), 8));
        assert_eq!(own, [true, true, false]);
    }
}
