//! From a record to its reply.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;

use crate::{
    limits::{DATA_LEN_MAX, LISTING_LEN_MAX},
    mount3, mounting, nfs3, portmap,
    procedures::Request,
    rpc::{self, Accepted, Call, CallError, Credential, Reply},
    service::Service,
    xdr::XdrError,
};

/// A call that can be carried out.
#[derive(Debug)]
pub(crate) struct Work {
    record: Bytes,
    xid: u32,
    credential: Credential,
    args: Args,
}

#[derive(Debug)]
enum Args {
    Nfs(nfs3::Args),
    Mount(mount3::Args),
    Portmap(portmap::Args),
}

/// What a record asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Work(Work),
    /// It is answered already: with a refusal.
    Refused(Reply),
}

/// The record cannot even be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotACall;

/// Decodes a record; touches nothing.
pub(crate) fn decode(record: Bytes) -> Result<Asked, NotACall> {
    let mut call = match Call::decode(record.clone()) {
        Ok(call) => call,
        Err(CallError::NotACall) => return Err(NotACall),
        Err(CallError::Denied { xid, why }) => return Ok(Asked::Refused(rpc::denied(xid, why))),
    };
    Ok(match decode_args(&mut call) {
        Ok(args) => Asked::Work(Work {
            record,
            xid: call.xid,
            credential: call.credential,
            args,
        }),
        Err(why) => Asked::Refused(rpc::refused(call.xid, why)),
    })
}

fn decode_args(call: &mut Call) -> Result<Args, Accepted> {
    let (procedure, reader) = (call.procedure, &mut call.args);
    match (call.program, call.version) {
        (nfs3::PROGRAM, nfs3::VERSION) => {
            checked(nfs3::Args::decode(procedure, reader)).map(Args::Nfs)
        }
        (mount3::PROGRAM, mount3::VERSION) => {
            checked(mount3::Args::decode(procedure, reader)).map(Args::Mount)
        }
        (portmap::PROGRAM, portmap::VERSION) => {
            checked(portmap::Args::decode(procedure, reader)).map(Args::Portmap)
        }
        (nfs3::PROGRAM, _) => Err(Accepted::ProgramMismatch {
            version: nfs3::VERSION,
        }),
        (mount3::PROGRAM, _) => Err(Accepted::ProgramMismatch {
            version: mount3::VERSION,
        }),
        (portmap::PROGRAM, _) => Err(Accepted::ProgramMismatch {
            version: portmap::VERSION,
        }),
        (_, _) => Err(Accepted::ProgramUnavailable),
    }
}

fn checked<T>(decoded: Option<Result<T, XdrError>>) -> Result<T, Accepted> {
    match decoded {
        Some(Ok(args)) => Ok(args),
        Some(Err(_)) => Err(Accepted::GarbageArgs),
        None => Err(Accepted::ProcedureUnavailable),
    }
}

impl Work {
    /// Bytes that request and reply may take together.
    pub(crate) fn bytes_max(&self) -> usize {
        let reply = match &self.args {
            Args::Nfs(nfs3::Args::Read { count, .. }) => *count.min(&DATA_LEN_MAX),
            Args::Nfs(nfs3::Args::ReadDir { .. } | nfs3::Args::ReadDirPlus { .. }) => {
                LISTING_LEN_MAX
            }
            Args::Nfs(_) | Args::Mount(_) | Args::Portmap(_) => 0,
        };
        let reply = usize::try_from(reply).unwrap_or(usize::MAX);
        self.record.len().saturating_add(reply)
    }

    /// Does what is asked, once, and answers.
    pub(crate) async fn carry_out(self, service: &Arc<Service>, client: IpAddr) -> Reply {
        let xid = self.xid;
        match self.args {
            Args::Portmap(args) => rpc::accepted(xid, |writer| {
                portmap::encode(args, service.port, writer);
                Bytes::new()
            }),
            Args::Mount(args) => {
                let results = mounting::answer(service, client, &self.credential, args).await;
                rpc::accepted(xid, |writer| {
                    results.encode(writer);
                    Bytes::new()
                })
            }
            Args::Nfs(args) => {
                let request = Request {
                    service,
                    client,
                    credential: &self.credential,
                };
                let Some(kind) = args.once() else {
                    return answer_nfs(request, xid, args).await;
                };
                let duplicates = &service.duplicates;
                let key = duplicates.key(client, kind, xid, &self.record);
                let work = answer_nfs(request, xid, args);
                duplicates.reply(key, &service.clock, work).await
            }
        }
    }
}

async fn answer_nfs(request: Request<'_>, xid: u32, args: nfs3::Args) -> Reply {
    let answer = request.answer(args).await;
    rpc::accepted(xid, |writer| answer.results.encode(answer.fs_id, writer))
}
