//! Tables of counters: one counter for each reason for which a node ends, drops or refuses
//! something, so that whatever does not happen can be accounted for.

use super::Refused;
use crate::error::{CloseReason, Refusal};
use crate::event::DropReason;
use crate::wire::DecodeError;

/// Makes a list of counters, so that none is left out where they are listed.
macro_rules! counters {
    ($(#[$about:meta])* $list:ident { $($(#[$meaning:meta])* $name:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $list {
            $($(#[$meaning])* pub $name: u64,)+
        }

        impl $list {
            /// Each with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                let Self { $($name),+ } = *self;
                [$((stringify!($name), $name)),+].into_iter()
            }
        }
    };
}

/// Makes a list of counters for the reasons or kinds of one thing, which can be summed up.
macro_rules! counts {
    ($(#[$about:meta])* $table:ident { $($(#[$meaning:meta])* $reason:ident,)+ }) => {
        counters! { $(#[$about])* $table { $($(#[$meaning])* $reason,)+ } }

        impl $table {
            /// All of them.
            pub fn total(&self) -> u64 {
                let Self { $($reason),+ } = self;
                0 $(+ $reason)+
            }
        }
    };
}

counts! {
    /// Why messages were not given to the user.
    Dropped {
        /// It was given to the user before.
        duplicate,
        /// A py2p node repeated it under another time.
        echo,
        /// This node made it.
        own,
        /// Its timestamp is too far in the past.
        stale,
        /// Its timestamp is too far in the future.
        future,
        /// The memory of messages was full of younger ones.
        overload,
        /// Its sender is no possible id.
        bad_sender,
        /// It is not of the sender that it names, or not as that one made it: whoever sent it is
        /// closed.
        forged,
    }
}

counts! {
    /// What the frames were that could be decoded and held no message for the user.
    Frames {
        /// The handshakes of peers that may have become neighbors.
        handshakes,
        /// Questions where a node is, and for peers lists.
        questions,
        /// Answers to such questions.
        answers,
        /// Peers lists.
        peers_lists,
        /// What nodes of this crate say to each other about their connections.
        controls,
        /// Compression methods, and the wish to be sent the last message again.
        agreements,
        /// None of these.
        unknown,
        /// A frame that unpacks to more than the limit: the connection ended with it.
        bombs,
        /// A message where the protocol does not allow it, or a frame that could not be decoded and
        /// was one too many: the connection ended with it.
        fatal,
    }
}

counts! {
    /// Why well-formed messages of the protocol itself had no effect. None of them is passed on.
    Ignored {
        /// There is nothing in it.
        empty,
        /// This node does not know its flag.
        unknown_flag,
        /// What stands behind its flag cannot be read.
        unreadable,
        /// The question has been met before, as every question is in a mesh with circles.
        known_question,
        /// The neighbor asks too often, or all of them do.
        too_many_questions,
        /// There is no memory left for the question, or for another one of this neighbor.
        questions_full,
        /// The neighbor has asked for everybody too often.
        too_many_peers_lists,
        /// The neighbor sends peers lists too often.
        too_many_lists,
        /// This node does not know the answer, and there is nobody whom it could ask: the question
        /// came from a py2p node, or no other neighbor is a node of this crate.
        no_answer,
        /// Whoever asked is no neighbor any more.
        asker_gone,
        /// The answer is to no open question, or is not about the node that was asked for.
        unasked,
        /// The answer names no address.
        no_address,
        /// The neighbor has asked too often for the last message.
        too_many_resends,
        /// The neighbor was not sent any message that could be sent again.
        nothing_to_resend,
        /// The neighbor asks too often for a sign of life.
        too_many_pings,
        /// It is about a connection that is not there any more, or answers what was not asked.
        late_control,
        /// A refusal by somebody who has not proven who it is.
        unproven_refusal,
    }
}

counts! {
    /// Why frames could not be decoded. What was forgiven is here, what was not is
    /// [`Frames::fatal`] and [`Closed::malformed`].
    Undecodable {
        /// The lengths of its packets do not add up.
        packet_lengths,
        /// It has too few packets, none included, or more than the limit.
        packet_count,
        /// It asks for too much memory to be unpacked.
        too_much_memory,
        /// Its timestamp is none.
        bad_timestamp,
        /// Anything else.
        other,
    }
}

counts! {
    /// Why neighbors were not sent messages, in frames.
    Unsent {
        /// The neighbor's queue had no room.
        queue_full,
        /// The node had no memory left: see [`Limits::max_memory`](super::Limits::max_memory).
        out_of_memory,
        /// The neighbor is a py2p node, which could not tell it from equal ones.
        equal,
        /// It would have become too long with what the neighbor's form asks for.
        too_long,
        /// The neighbor was none any more.
        gone,
    }
}

counts! {
    /// Why incoming connections were not taken. Nothing was sent on them.
    Rejected {
        /// There were as many as there may be.
        too_many_incoming,
        /// Their address had as many as one may have: see
        /// [`Limits::max_per_ip`](super::Limits::max_per_ip).
        too_many_from_address,
        /// Their network had: see [`Limits::max_per_subnet`](super::Limits::max_per_subnet).
        too_many_from_network,
        /// Too many had not finished their handshakes.
        too_many_pending,
        /// They came faster than the node takes handshakes: see
        /// [`Limits::max_handshakes`](super::Limits::max_handshakes).
        too_many_handshakes,
        /// The address is not admitted.
        denied,
        /// The node was closing.
        closed,
    }
}

counts! {
    /// Why connections ended, or did not come to be: each [`CloseReason`] has its counter.
    /// Each connection is counted once, with the first reason.
    Closed {
        /// [`CloseReason::Malformed`].
        malformed,
        /// [`CloseReason::Misbehaved`].
        misbehaved,
        /// [`CloseReason::WrongProtocol`].
        wrong_protocol,
        /// [`CloseReason::OtherEncryption`].
        other_encryption,
        /// [`CloseReason::Unsigned`].
        unsigned,
        /// [`CloseReason::SelfConnection`].
        self_connection,
        /// [`CloseReason::WrongPeer`].
        wrong_peer,
        /// [`CloseReason::Denied`].
        denied,
        /// [`CloseReason::Refused`].
        refused,
        /// [`CloseReason::Duplicate`].
        duplicate,
        /// [`CloseReason::Evicted`].
        evicted,
        /// [`CloseReason::HandshakeTimeout`].
        handshake_timeout,
        /// [`CloseReason::Stalled`].
        stalled,
        /// [`CloseReason::Silent`].
        silent,
        /// [`CloseReason::SlowFrame`].
        slow_frame,
        /// [`CloseReason::OutOfMemory`].
        out_of_memory,
        /// [`CloseReason::Encryption`].
        encryption,
        /// [`CloseReason::NoEntropy`].
        no_entropy,
        /// [`CloseReason::Local`].
        local,
        /// [`CloseReason::Remote`].
        remote,
        /// [`CloseReason::Network`].
        network,
        /// They were opened to learn whether an address can be reached, and it can.
        probes_answered,
        /// They were, and it cannot, or that was no longer of interest.
        probes_failed,
    }
}

counters! {
    /// What became of messages that some node had missed. PROTOCOL.md §5.7.
    ///
    /// `offered`, `asked` and `wanted` count a message once for each neighbor.
    CaughtUp {
        /// Messages that neighbors were told of, to each of them.
        offered,
        /// Those of them that neighbors then wanted.
        asked,
        /// Those of `asked` that were sent.
        sent,
        /// Those of `asked` that were not, because they had become too old meanwhile, or had made room
        /// for others.
        skipped,
        /// Messages that this node wanted of neighbors.
        wanted,
        /// Those of `wanted` that came, and were given to the user.
        caught_up,
        /// Offers of neighbors that were more than they may make, or that there was no room to answer
        /// when memory was scarce; and answers to no offer.
        refused,
        /// How often what was due to neighbors had to wait because of
        /// [`Limits::max_catch_up_rate`](super::Limits::max_catch_up_rate).
        throttled,
        /// How often an offer had to wait for memory.
        postponed,
        /// Messages that are no longer held because their time was over.
        expired,
        /// Messages that made room for younger ones before that.
        displaced,
        /// Frames in which this node passed on the number of a message that py2p nodes had repeated to
        /// it before the message itself came: others cannot hold it for anybody without.
        numbered,
        /// Messages that came too late for a py2p neighbor, to each of those.
        withheld,
        /// Frames in which this node made offers and answered those of others.
        words,
        /// Bytes of offers, and of messages that were sent because they had been missed.
        bytes_out,
    }
}

impl Dropped {
    pub(super) fn count(&mut self, reason: DropReason) {
        *match reason {
            DropReason::Duplicate => &mut self.duplicate,
            DropReason::Echo => &mut self.echo,
            DropReason::Own => &mut self.own,
            DropReason::Stale => &mut self.stale,
            DropReason::Future => &mut self.future,
            DropReason::Overload => &mut self.overload,
            DropReason::BadSender => &mut self.bad_sender,
            DropReason::Forged => &mut self.forged,
        } += 1;
    }
}

impl Undecodable {
    pub(super) fn count(&mut self, error: DecodeError) {
        *match error {
            DecodeError::PacketLengths => &mut self.packet_lengths,
            DecodeError::TooManyPackets { .. } | DecodeError::TooFewPackets { .. } => {
                &mut self.packet_count
            }
            DecodeError::DecompressionMemory => &mut self.too_much_memory,
            DecodeError::BadTimestamp => &mut self.bad_timestamp,
            _ => &mut self.other,
        } += 1;
    }
}

impl Unsent {
    pub(super) fn count(&mut self, refusal: Refusal) {
        *match refusal {
            Refusal::QueueFull => &mut self.queue_full,
            Refusal::DuplicateInFlight => &mut self.equal,
            Refusal::TooLong => &mut self.too_long,
            Refusal::Gone => &mut self.gone,
            Refusal::OutOfMemory => &mut self.out_of_memory,
        } += 1;
    }
}

impl Rejected {
    pub(super) fn count(&mut self, refused: Refused) {
        *match refused {
            Refused::TooManyIncoming => &mut self.too_many_incoming,
            Refused::TooManyFromAddress => &mut self.too_many_from_address,
            Refused::TooManyFromNetwork => &mut self.too_many_from_network,
            Refused::TooManyPending => &mut self.too_many_pending,
            Refused::TooManyHandshakes => &mut self.too_many_handshakes,
            Refused::Denied => &mut self.denied,
            Refused::Closed => &mut self.closed,
        } += 1;
    }
}

impl Closed {
    pub(crate) fn count(&mut self, reason: CloseReason) {
        *match reason {
            CloseReason::Malformed(_) => &mut self.malformed,
            CloseReason::Misbehaved(_) => &mut self.misbehaved,
            CloseReason::WrongProtocol => &mut self.wrong_protocol,
            CloseReason::OtherEncryption(_) => &mut self.other_encryption,
            CloseReason::Unsigned => &mut self.unsigned,
            CloseReason::SelfConnection => &mut self.self_connection,
            CloseReason::WrongPeer(_) => &mut self.wrong_peer,
            CloseReason::Denied(_) => &mut self.denied,
            CloseReason::Refused(_) => &mut self.refused,
            CloseReason::Duplicate => &mut self.duplicate,
            CloseReason::Evicted => &mut self.evicted,
            CloseReason::HandshakeTimeout => &mut self.handshake_timeout,
            CloseReason::Stalled { .. } => &mut self.stalled,
            CloseReason::Silent { .. } => &mut self.silent,
            CloseReason::SlowFrame { .. } => &mut self.slow_frame,
            CloseReason::OutOfMemory { .. } => &mut self.out_of_memory,
            CloseReason::Encryption(_) => &mut self.encryption,
            CloseReason::NoEntropy => &mut self.no_entropy,
            CloseReason::Local => &mut self.local,
            CloseReason::Remote => &mut self.remote,
            CloseReason::Network(_) => &mut self.network,
        } += 1;
    }
}
