//! Somebody in the middle of one link of a [`Net`], who sees and changes all that passes.

use super::net::{End, Net, Parcel};
use crate::conn_id::ConnId;

/// What is done with a piece of a stream.
pub(super) enum Deed {
    /// The other end gets this.
    Pass(Vec<u8>),
    /// The end that sent the piece gets this.
    Back(Vec<u8>),
    /// Both ends see the end of the stream, and nothing that they send gets anywhere.
    Fin,
    /// Both ends see the connection reset.
    Reset,
}

/// Is given what each end sends: 0 is the one that dialled.
type Meddling = Box<dyn FnMut(usize, &[u8]) -> Vec<Deed>>;

pub(super) struct Tap {
    dialer: End,
    meddling: Meddling,
    is_cut: bool,
    /// Whether the end that was dialled has been given anything of what the other said.
    pub(super) has_passed: bool,
    /// What each end has sent.
    pub(super) said: [Vec<u8>; 2],
}

impl Net {
    /// From now on all that passes on the link that a node has dialled is somebody's to change.
    pub(super) fn tap(
        &mut self,
        node: usize,
        conn: ConnId,
        meddling: impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static,
    ) {
        let said = [Vec::new(), Vec::new()];
        let (dialer, meddling) = ((node, conn), Box::new(meddling));
        self.tap = Some(Tap { dialer, meddling, is_cut: false, has_passed: false, said });
    }

    /// What is left to be posted of a parcel.
    pub(super) fn meddle(&mut self, from: End, to: End, parcel: Parcel) -> Option<Parcel> {
        let ends = [from, to];
        let Some(mut tap) = self.tap.take_if(|tap| ends.contains(&tap.dialer)) else {
            return Some(parcel);
        };
        let left = match parcel {
            _ if tap.is_cut => None,
            Parcel::Data(data) => {
                let side = usize::from(from != tap.dialer);
                tap.said[side].extend_from_slice(&data);
                for deed in (tap.meddling)(side, &data) {
                    let is_heard = |data: &Vec<u8>| side == 0 && !data.is_empty();
                    tap.has_passed |= matches!(&deed, Deed::Pass(data) if is_heard(data));
                    tap.is_cut |= matches!(deed, Deed::Fin | Deed::Reset);
                    self.carry_out_deed(from, to, deed);
                }
                None
            }
            parcel => Some(parcel),
        };
        self.tap = Some(tap);
        left
    }

    fn carry_out_deed(&mut self, from: End, to: End, deed: Deed) {
        match deed {
            Deed::Pass(data) => self.post(to, Parcel::Data(data.into())),
            Deed::Back(data) => self.post(from, Parcel::Data(data.into())),
            Deed::Fin => [from, to].into_iter().for_each(|end| self.post(end, Parcel::Fin)),
            Deed::Reset => [from, to].into_iter().for_each(|end| self.post(end, Parcel::Reset)),
        }
    }
}
