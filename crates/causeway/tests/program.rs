//! The program itself: as everything in one process, as separate processes, and refusing.

#[cfg(test)]
mod program {
    mod authority;
    mod bad_input;
    mod bench;
    mod ctl;
    mod engine;
    mod express;
    mod fake_bucket;
    mod interoperability;
    mod kills;
    mod lent_bucket;
    mod listeners;
    mod message_queue;
    mod nfs_calls;
    mod peer;
    mod proxy;
    mod refusals;
    mod roles;
    mod separate;
    mod signals;
    mod support;
    mod twice_online;
    mod up;
}
