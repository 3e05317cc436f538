//! The node as a whole: scripts with literal times, on a net of perfect links or on none.
//!
//! What a single connection can be told stands in `bytes`; what takes several nodes, in a file for
//! each thing that they do together. Faults on links belong to simulations.

#[cfg(feature = "tls")]
mod admission;
mod alive;
mod bench;
mod bytes;
mod catch_up;
mod connecting;
mod duplicate;
mod eclipse;
mod ending;
mod eviction;
mod flooding;
mod hold;
mod links;
mod lists;
mod memory;
#[cfg(feature = "tls")]
mod middle;
mod net;
mod offers;
#[cfg(feature = "tls")]
mod own;
mod peers;
mod places;
#[cfg(feature = "tls")]
mod proofs;
mod reading;
mod records;
mod renegotiate;
mod requests;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "rsa")]
mod rsa_attacks;
#[cfg(feature = "rsa")]
mod rsa_fairness;
mod scarce;
mod search;
#[cfg(feature = "tls")]
mod secured;
mod seeds;
mod shares;
#[cfg(feature = "tls")]
mod signed;
mod storm;
mod takeover;
#[cfg(feature = "tls")]
mod tap;
#[cfg(feature = "rsa")]
mod victim;
mod window;

/// A key for a connection. Making one takes a while, and no test depends on its being new.
#[cfg(feature = "rsa")]
fn rsa_key() -> crate::rsa::PrivateKey {
    use crate::rsa::{KeySize, PrivateKey, SeededRng};
    use std::sync::LazyLock;

    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
        PrivateKey::generate(KeySize::DEFAULT, &mut SeededRng::from_seed([7; 32])).unwrap()
    });
    KEY.clone()
}
