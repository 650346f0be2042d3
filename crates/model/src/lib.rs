//! The vocabulary of Causeway: what console, broker and gateway say to each other.
//!
//! Not here: anything that waits, stores or sends.
//! Invariant: a value that exists is valid; constructors refuse the rest and say why.
//! Invariant: JSON of these types is the wire contract; unknown fields are ignored by readers, so
//! what must not be ignored is a [`Feature`].
//! Start at [`Command`] (actions), [`Intent`] (settings), [`GatewayStatus`] (reports).

mod assumed_role;
mod bandwidth;
mod bundle;
mod check;
mod client_encryption;
mod client_id;
mod command;
mod engine_settings;
mod error_code;
mod event;
mod express;
mod feature;
mod file_status;
mod fleet;
mod gateway_id;
pub mod guarded_shares;
mod intent;
mod role;
mod secret;
mod share;
mod share_action;
mod share_table;
mod status;
mod topic;
mod writers;

pub use assumed_role::{AssumedRole, AssumedRoleError, LentKeys};
pub use bandwidth::{Bandwidth, DAY_MINUTES, LineLimits, LineWindow, Weekday};
pub use bundle::{ActivationBundle, BUNDLE_PREFIX, BundleError};
pub use check::{CheckFinding, ShareCheck};
pub use client_encryption::ClientEncryption;
pub use client_id::{CLIENT_ID_LEN_MAX, ClientId, ClientIdError, DeviceId, GroupId};
pub use command::{
    COMMAND_LEN_MAX, Command, CommandId, Mark, Method, RemoteError, Reply, ReplyBody, WIRE_VERSION,
};
pub use engine_settings::{
    EngineSettings, EngineSettingsError, ServerEncryption, ShareMode, UploadLimits,
};
pub use error_code::{ErrorCode, Failure};
pub use event::{Event, EventKind, Severity};
pub use express::{
    ChangeBatch, ChangeNotice, ChangeReport, ChangeSource, ExpressStatus, ObjectChange,
};
pub use feature::Feature;
pub use file_status::{
    CacheStatus, FileState, FileStatus, JobState, JobStatus, LostCache, LostRange, QueueItem,
};
pub use fleet::{
    BULK, CMD, Direction, EVENT, EXPRESS, FLEET_TOPICS, FleetTopic, INTENT, Priority, RESULT,
    STATUS,
};
pub use gateway_id::{GatewayId, GatewayIdError};
pub use intent::{Credential, Downlink, Intent, IntentReport, ShareReport};
pub use role::{Role, RoleError};
pub use secret::Secret;
pub use share::{
    AccessRule, BucketSettings, OssSignature, Provider, SHARE_NAME_LEN_MAX, ShareName,
    ShareNameError, ShareProtocol, ShareSettings, Squash, WriteAccess,
};
pub use share_action::{CheckParams, PathParams, QueueParams, ShareAction};
pub use share_table::{ShareTable, StatusMessage};
pub use status::{CacheDiskStatus, GatewayStatus, Location, ShareState, ShareStatus};
pub use topic::{
    Destination, ParentTopic, STATISTICS, TOPIC_LEN_MAX, Topic, TopicError, TopicFilter, TopicName,
};
pub use writers::{ConflictPolicy, Writers};

pub use clock::Timestamp;
