//! The power of a simulated machine: it goes off at a chosen moment, for all devices at once.

use std::sync::Arc;

use parking_lot::Mutex;

/// One machine's supply. Clones are the same supply; each device asks it before it acts.
#[derive(Clone, Debug, Default)]
pub struct Power(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    supply: Supply,
    moments: u64,
    random: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Supply {
    #[default]
    On,
    /// Goes off in the midst of this many moments from now; 1 is the next.
    OnFor(u64),
    Off,
}

/// What becomes of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is carried out, and whoever asked hears so.
    Powered,
    /// The power goes off in its midst: it is carried out, but nobody hears so.
    LastDone,
    /// The power goes off in its midst: it is not carried out.
    LastLost,
    /// There is no power: nothing happens.
    Dark,
}

impl Moment {
    /// Whether the action has its effect.
    #[must_use]
    pub const fn has_effect(self) -> bool {
        matches!(self, Self::Powered | Self::LastDone)
    }

    /// Whether whoever asked for it hears of it.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Powered)
    }
}

impl Power {
    /// Where the random choices begin.
    pub fn seed(&self, seed: u64) {
        self.0.lock().random = seed;
    }

    /// Cuts it in the midst of the action that comes after `actions` more; at once if zero.
    pub fn cut_after(&self, actions: u64) {
        self.0.lock().supply = match actions {
            0 => Supply::Off,
            more => Supply::OnFor(more),
        };
    }

    /// The machine is started again.
    pub fn restore(&self) {
        self.0.lock().supply = Supply::On;
    }

    /// Whether it is off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self.0.lock().supply, Supply::Off)
    }

    /// Actions so far that leave something behind: journal records, syncs, requests.
    #[must_use]
    pub fn moments(&self) -> u64 {
        self.0.lock().moments
    }

    /// A device is about to do something that leaves something behind.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let mut state = self.0.lock();
        state.moments += 1;
        match state.supply {
            Supply::On => Moment::Powered,
            Supply::Off => Moment::Dark,
            Supply::OnFor(0 | 1) => {
                state.supply = Supply::Off;
                if state.coin() {
                    Moment::LastDone
                } else {
                    Moment::LastLost
                }
            }
            Supply::OnFor(more) => {
                state.supply = Supply::OnFor(more - 1);
                Moment::Powered
            }
        }
    }
}

impl State {
    /// A step of `SplitMix64`: small, and the same on every machine.
    fn coin(&mut self) -> bool {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) & 1 == 1
    }
}
