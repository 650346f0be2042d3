//! Commands as RPC over MQTT: what console and gateway must remember so that a lost, late or
//! doubled message is a normal outcome with a name.
//!
//! Not here: the wire types (`model`), who sends (`console`, `gateway`), MQTT itself.
//! Start at `caller` (console side) and `callee` (gateway side).

pub mod callee;
pub mod caller;
