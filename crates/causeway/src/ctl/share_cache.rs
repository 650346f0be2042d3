//! `ctl share`: what is in the cache, and how safe it is.

use clap::Subcommand;
use model::Method;
use serde_json::{Value, json};

use super::{
    Context, CtlError,
    command::WaitArgs,
    share::{ShareArgs, act},
};

#[derive(Debug, Subcommand)]
pub(super) enum CacheVerb {
    /// Keep a file, or a directory with all that is and comes below it, in the cache
    Pin(PathArgs),
    /// Take a pin away
    Unpin(PathArgs),
    /// Fetch a file or directory into the cache; `share show` tells how far it is
    Prefetch(PathArgs),
    /// Let a file or directory go from the cache, except what is unprotected or pinned
    Evict(PathArgs),
    /// How safe one file is, and how much of it is in the cache
    FileStatus(PathArgs),
    /// What waits for the object store, the oldest first
    Queue {
        #[command(flatten)]
        share: ShareArgs,
        /// At most so many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Check the cache while the share serves; mends nothing unless told to
    CheckCache {
        #[command(flatten)]
        share: ShareArgs,
        /// Read all data and compare it with its checksums
        #[arg(long)]
        read_data: bool,
        /// Mend what is found: the share is closed for that, and its clients wait
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// A path in a share.
#[derive(clap::Args, Debug)]
pub(super) struct PathArgs {
    #[command(flatten)]
    share: ShareArgs,
    /// The path; `/` is all of the share
    path: String,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) async fn run(context: &Context<'_>, verb: CacheVerb) -> Result<(), CtlError> {
    match verb {
        CacheVerb::Pin(at) => at.act(context, Method::SharePin).await,
        CacheVerb::Unpin(at) => at.act(context, Method::ShareUnpin).await,
        CacheVerb::Prefetch(at) => at.act(context, Method::SharePrefetch).await,
        CacheVerb::Evict(at) => at.act(context, Method::ShareEvict).await,
        CacheVerb::FileStatus(at) => at.act(context, Method::ShareFileStatus).await,
        CacheVerb::Queue { share, limit, wait } => {
            let params = json!({"share": share.share, "limit": limit});
            act(context, &share, Method::ShareQueue, params, wait).await
        }
        CacheVerb::CheckCache {
            share,
            read_data,
            repair,
            wait,
        } => {
            let params = json!({"share": share.share, "data": read_data, "repair": repair});
            act(context, &share, Method::ShareCheck, params, wait).await
        }
    }
}

impl PathArgs {
    async fn act(&self, context: &Context<'_>, method: Method) -> Result<(), CtlError> {
        let params: Value = json!({"share": self.share.share, "path": self.path});
        act(context, &self.share, method, params, self.wait).await
    }
}
