//! The store on a disk that loses power, with clients that keep their half of the protocol.

mod bounds;
mod crash;
mod news;
mod rig;
