//! Replies of gateways: marks and results of commands, answers to questions of our own.

use model::{CommandId, ErrorCode, Failure, GatewayId, Reply, ReplyBody};

use super::{calls, owner::Owner, queries::Query};
use crate::error::ApiResult;

impl Owner {
    pub(super) async fn handle_reply(&mut self, id: &GatewayId, reply: Reply) -> ApiResult<()> {
        let asked = self.queries.get(reply.id, id);
        match asked.map(|asked| (asked.query.clone(), asked.at)) {
            Some((Query::Ping, sent_at)) => {
                let took = self.app.clock.now().saturating_duration_since(sent_at);
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.app
                    .view
                    .update(id, |live| live.round_trip_ms = Some(took_ms));
                self.queries.remove(reply.id);
                self.app.publish_gateway(id).await;
                Ok(())
            }
            Some((Query::Inquiry(about), _)) => self.handle_answer(reply, about).await,
            None => self.handle_mark(id, reply).await,
        }
    }

    /// A gateway says something about a command of its own.
    async fn handle_mark(&mut self, id: &GatewayId, reply: Reply) -> ApiResult<()> {
        let Some(command) = self.app.database.command(reply.id).await? else {
            return Ok(());
        };
        if command.gateway != *id {
            tracing::warn!(gateway.id = %id, command.id = %reply.id, "a reply to another's command");
            return Ok(());
        }
        let now = self.app.clock.wall();
        calls::apply(&self.app, reply.id, |call| {
            call.handle_reply(now, reply.body)
        })
        .await?;
        Ok(())
    }

    /// A gateway says what became of a command.
    async fn handle_answer(&mut self, reply: Reply, about: CommandId) -> ApiResult<()> {
        let answer = match reply.body {
            ReplyBody::Delivered | ReplyBody::Started => return Ok(()),
            ReplyBody::Finished { result } => serde_json::from_value(result)
                .map_err(|e| Failure::new(ErrorCode::Internal, e.to_string())),
            ReplyBody::Failed { error } | ReplyBody::Rejected { error } => Err(error),
        };
        self.queries.remove(reply.id);
        let now = self.app.clock.wall();
        calls::apply(&self.app, about, |call| call.handle_answer(now, answer)).await?;
        Ok(())
    }
}
