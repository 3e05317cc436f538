//! The lists of who may join and who may not.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::Network;
use crate::error::{Denial, RuleError};
use crate::sorted_map::SortedMap;
use crate::time::Instant;
use crate::wire::NodeId;

/// The most entries of each list.
pub(super) const MAX_RULES: usize = 4_096;

/// Whom a [`Rule`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// The node of this id. Under TLS it is proven; in other meshes it is what a peer says, so that
    /// denying an id there keeps out only who does not mind.
    Id(NodeId),
    /// Everybody at these addresses.
    Network(Network),
}

impl From<NodeId> for Subject {
    fn from(id: NodeId) -> Self {
        Self::Id(id)
    }
}

impl From<Network> for Subject {
    fn from(network: Network) -> Self {
        Self::Network(network)
    }
}

impl From<IpAddr> for Subject {
    fn from(ip: IpAddr) -> Self {
        Self::Network(ip.into())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// On which list a [`Rule`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// Of those who may join. While there is no such list, everybody may; once there is one, a peer
    /// must stand on it, by its id or by its address. An empty list is still one.
    Allow,
    /// Of those who may not, whatever else is said of them.
    Deny,
}

/// Who may join, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which of both.
    pub kind: RuleKind,
    /// Who.
    pub subject: Subject,
    /// How long the rule holds from now on; `None` until it is removed.
    pub lifetime: Option<Duration>,
}

/// Both lists.
#[derive(Debug, Default)]
pub(super) struct Rules {
    allow: Entries,
    deny: Entries,
    /// Whether only those may join who are allowed. That they expire, or are removed one by one,
    /// does not change it: a mesh for few must not become one for all by accident.
    is_closed: bool,
}

/// Subjects, and when each goes by itself.
#[derive(Debug, Default)]
struct Entries {
    by_subject: SortedMap<Subject, Option<Instant>>,
}

impl Entries {
    fn add(
        &mut self,
        now: Instant,
        subject: Subject,
        lifetime: Option<Duration>,
    ) -> Result<(), RuleError> {
        if self.by_subject.len() >= MAX_RULES && !self.by_subject.contains_key(&subject) {
            self.sweep(now);
            if self.by_subject.len() >= MAX_RULES {
                return Err(RuleError::Full);
            }
        }
        self.by_subject.insert(subject, lifetime.map(|lifetime| now + lifetime));
        Ok(())
    }

    fn sweep(&mut self, now: Instant) {
        self.by_subject.retain(|_, until| is_live(now, *until));
    }

    fn has(&self, now: Instant, subject: Subject) -> bool {
        self.by_subject.get(&subject).is_some_and(|until| is_live(now, *until))
    }

    fn has_either(&self, now: Instant, ip: IpAddr, id: Option<NodeId>) -> bool {
        id.is_some_and(|id| self.has(now, id.into()))
            || Network::containing(ip).any(|network| self.has(now, network.into()))
    }

    fn has_ids(&self, now: Instant) -> bool {
        // Ids stand before networks.
        let mut ids =
            self.by_subject.iter().take_while(|(subject, _)| matches!(subject, Subject::Id(_)));
        ids.any(|(_, until)| is_live(now, *until))
    }
}

fn is_live(now: Instant, until: Option<Instant>) -> bool {
    until.is_none_or(|until| until > now)
}

impl Rules {
    pub(super) fn add(&mut self, now: Instant, rule: Rule) -> Result<(), RuleError> {
        self.entries(rule.kind).add(now, rule.subject, rule.lifetime)?;
        self.is_closed |= rule.kind == RuleKind::Allow;
        Ok(())
    }

    /// Takes an entry out. Returns whether there was one, and it had not expired.
    pub(super) fn remove(&mut self, now: Instant, kind: RuleKind, subject: &Subject) -> bool {
        let removed = self.entries(kind).by_subject.remove(subject);
        removed.is_some_and(|until| is_live(now, until))
    }

    pub(super) fn clear(&mut self, kind: RuleKind) {
        *self.entries(kind) = Entries::default();
        self.is_closed &= kind != RuleKind::Allow;
    }

    /// The entries that have not expired, and how long each still holds.
    pub(super) fn iter(&self, now: Instant) -> impl Iterator<Item = Rule> {
        let lists = [(RuleKind::Allow, &self.allow), (RuleKind::Deny, &self.deny)];
        let rules = lists.into_iter().flat_map(|(kind, entries)| {
            entries.by_subject.iter().map(move |(subject, until)| (kind, *subject, *until))
        });
        rules.filter(move |(_, _, until)| is_live(now, *until)).map(
            move |(kind, subject, until)| Rule {
                kind,
                subject,
                lifetime: until.map(|until| until.since(now)),
            },
        )
    }

    /// Whether somebody at this address may join. Where the id is not known yet, only what is
    /// certain without it is denied.
    pub(super) fn judge(&self, now: Instant, ip: IpAddr, id: Option<NodeId>) -> Result<(), Denial> {
        if self.deny.has_either(now, ip, id) {
            return Err(Denial::Listed);
        }
        let is_undecided = || id.is_none() && self.allow.has_ids(now);
        if self.is_closed && !self.allow.has_either(now, ip, id) && !is_undecided() {
            return Err(Denial::NotListed);
        }
        Ok(())
    }

    fn entries(&mut self, kind: RuleKind) -> &mut Entries {
        match kind {
            RuleKind::Allow => &mut self.allow,
            RuleKind::Deny => &mut self.deny,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn network(text: &str) -> Subject {
        Subject::Network(text.parse().unwrap())
    }

    fn id(text: &str) -> NodeId {
        text.parse().unwrap()
    }

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    fn add(rules: &mut Rules, kind: RuleKind, subject: impl Into<Subject>, secs: Option<u64>) {
        let lifetime = secs.map(Duration::from_secs);
        rules.add(at(0), Rule { kind, subject: subject.into(), lifetime }).unwrap();
    }

    #[test]
    fn who_is_denied_may_not_join_even_if_allowed() {
        let mut rules = Rules::default();
        let judge =
            |rules: &Rules, addr: &str, name: &str| rules.judge(at(1), ip(addr), Some(id(name)));
        assert_eq!(judge(&rules, "10.0.0.1", "a"), Ok(()));
        add(&mut rules, RuleKind::Deny, id("a"), None);
        add(&mut rules, RuleKind::Deny, network("10.1.0.0/16"), None);
        add(&mut rules, RuleKind::Allow, network("10.0.0.0/8"), None);
        add(&mut rules, RuleKind::Allow, id("b"), None);
        assert_eq!(judge(&rules, "10.0.0.1", "a"), Err(Denial::Listed));
        assert_eq!(judge(&rules, "10.1.0.1", "b"), Err(Denial::Listed));
        assert_eq!(judge(&rules, "::ffff:10.1.0.1", "c"), Err(Denial::Listed));
        assert_eq!(judge(&rules, "10.2.0.1", "c"), Ok(()), "allowed by address");
        assert_eq!(judge(&rules, "9.9.9.9", "b"), Ok(()), "allowed by id");
        assert_eq!(judge(&rules, "9.9.9.9", "c"), Err(Denial::NotListed));
    }

    #[test]
    fn before_the_id_is_known_only_what_is_certain_is_denied() {
        let mut rules = Rules::default();
        add(&mut rules, RuleKind::Allow, network("10.0.0.0/8"), None);
        assert_eq!(rules.judge(at(1), ip("9.9.9.9"), None), Err(Denial::NotListed));
        add(&mut rules, RuleKind::Allow, id("a"), Some(5));
        assert_eq!(rules.judge(at(1), ip("9.9.9.9"), None), Ok(()));
        assert_eq!(rules.judge(at(5), ip("9.9.9.9"), None), Err(Denial::NotListed));
    }

    #[test]
    fn a_rule_holds_until_its_time_is_up_and_not_a_moment_longer() {
        let mut rules = Rules::default();
        add(&mut rules, RuleKind::Deny, id("a"), Some(10));
        let judge = |rules: &Rules, now| rules.judge(now, ip("9.9.9.9"), Some(id("a")));
        let last = Instant::from_nanos(at(10).as_nanos() - 1);
        assert_eq!(judge(&rules, last), Err(Denial::Listed));
        assert_eq!(rules.iter(last).count(), 1);
        assert_eq!(judge(&rules, at(10)), Ok(()));
        assert_eq!(rules.iter(at(10)).count(), 0);
        // Said again, it begins anew.
        add(&mut rules, RuleKind::Deny, id("a"), None);
        assert_eq!(judge(&rules, at(1_000)), Err(Denial::Listed));
    }

    #[test]
    fn an_allow_list_that_has_expired_still_keeps_strangers_out() {
        let mut rules = Rules::default();
        add(&mut rules, RuleKind::Allow, id("a"), Some(10));
        let judge = |rules: &Rules, name| rules.judge(at(11), ip("9.9.9.9"), Some(id(name)));
        assert_eq!(judge(&rules, "b"), Err(Denial::NotListed));
        assert_eq!(judge(&rules, "a"), Err(Denial::NotListed));
        assert!(!rules.remove(at(11), RuleKind::Allow, &id("a").into()), "it is gone");
        assert_eq!(judge(&rules, "b"), Err(Denial::NotListed));
        rules.clear(RuleKind::Allow);
        assert_eq!(judge(&rules, "b"), Ok(()));
    }

    #[test]
    fn a_list_whose_last_entry_is_removed_keeps_everybody_out_until_it_is_cleared() {
        let mut rules = Rules::default();
        add(&mut rules, RuleKind::Allow, id("a"), None);
        let judge = |rules: &Rules, name| rules.judge(at(1), ip("9.9.9.9"), Some(id(name)));
        assert!(!rules.remove(at(1), RuleKind::Deny, &id("a").into()));
        assert_eq!(judge(&rules, "a"), Ok(()));
        assert!(rules.remove(at(1), RuleKind::Allow, &id("a").into()));
        assert_eq!(judge(&rules, "a"), Err(Denial::NotListed));
        rules.clear(RuleKind::Deny);
        assert_eq!(judge(&rules, "a"), Err(Denial::NotListed));
        rules.clear(RuleKind::Allow);
        assert_eq!(judge(&rules, "b"), Ok(()));
    }

    #[test]
    fn a_list_takes_4096_entries_and_one_more_once_one_has_expired() {
        let mut rules = Rules::default();
        let subject = |number: u32| Subject::from(IpAddr::V4(number.into()));
        let rule =
            |number, lifetime| Rule { kind: RuleKind::Deny, subject: subject(number), lifetime };
        rules.add(at(0), rule(0, Some(Duration::from_secs(10)))).unwrap();
        for number in 1..4_096 {
            rules.add(at(0), rule(number, None)).unwrap();
        }
        assert_eq!(rules.add(at(9), rule(4_096, None)), Err(RuleError::Full));
        assert_eq!(rules.add(at(9), rule(1, None)), Ok(()), "it stands there already");
        add(&mut rules, RuleKind::Allow, subject(1), None);
        assert_eq!(rules.add(at(10), rule(4_096, None)), Ok(()));
        assert_eq!(rules.add(at(10), rule(4_097, None)), Err(RuleError::Full));
        assert_eq!(rules.iter(at(10)).count(), 4_097);
    }
}
