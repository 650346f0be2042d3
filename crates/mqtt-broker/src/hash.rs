//! Hash tables of what is looked up for each message: several times as fast as those of the
//! standard library, and with a seed as those, so that nobody can choose keys that meet.

pub(crate) use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
