//! Administration over the bus: which call is which change of the registry, and whose
//! connection it ends.

use std::sync::Arc;

use message_bus::{
    BusError,
    admin::{AdminAnswer, AdminCall, CertificateState, Instance, PAGE_MAX},
};

use super::EmbeddedBus;
use crate::{
    error::RegistryError,
    inbox::Letter,
    operations::{drain_of, slow_client},
    routes::Route,
    session::End,
};

type Answered = Result<AdminAnswer, BusError>;

impl EmbeddedBus {
    pub(super) async fn answer(&self, call: AdminCall) -> Answered {
        match call {
            AdminCall::Instance
            | AdminCall::SetSettings { .. }
            | AdminCall::Groups
            | AdminCall::CreateGroup { .. }
            | AdminCall::DeleteGroup { .. }
            | AdminCall::ParentTopics
            | AdminCall::CreateParentTopic { .. }
            | AdminCall::SetPrecedence { .. }
            | AdminCall::DeleteParentTopic { .. }
            | AdminCall::Grant { .. }
            | AdminCall::Ungrant { .. } => self.answer_rules(call).await,
            AdminCall::AccessKeys
            | AdminCall::CreateAccessKey { .. }
            | AdminCall::DeleteAccessKey { .. }
            | AdminCall::ApplyToken { .. }
            | AdminCall::QueryToken { .. }
            | AdminCall::RevokeToken { .. } => self.answer_keys(call).await,
            AdminCall::DeviceCredentials { .. }
            | AdminCall::RegisterDevice { .. }
            | AdminCall::Device { .. }
            | AdminCall::RefreshDevice { .. }
            | AdminCall::UnregisterDevice { .. } => self.answer_devices(call).await,
            AdminCall::BlockedClients { .. }
            | AdminCall::Block { .. }
            | AdminCall::Unblock { .. }
            | AdminCall::Clients { .. }
            | AdminCall::Sessions { .. }
            | AdminCall::CloseConnection { .. }
            | AdminCall::Send { .. } => self.answer_clients(call).await,
            AdminCall::Listeners
            | AdminCall::ReloadCertificates
            | AdminCall::SlowClients { .. }
            | AdminCall::Drain { .. }
            | AdminCall::Metrics => self.answer_operations(call).await,
            AdminCall::Traces { query } => {
                self.change(move |shared| {
                    let page = shared.tracer.query(&query);
                    page.map(AdminAnswer::Traces)
                        .map_err(|error| RegistryError::Refused(error.to_string()))
                })
                .await
            }
            AdminCall::RegistrationCode
            | AdminCall::Authorities
            | AdminCall::RegisterAuthority { .. }
            | AdminCall::SetAuthority { .. }
            | AdminCall::DeleteAuthority { .. }
            | AdminCall::DeviceCertificates { .. }
            | AdminCall::SetDeviceCertificate { .. }
            | AdminCall::DeleteDeviceCertificate { .. } => self.answer_certificates(call).await,
        }
    }

    async fn answer_rules(&self, call: AdminCall) -> Answered {
        self.change(move |shared| {
            let registry = &shared.registry;
            match call {
                AdminCall::Instance => {
                    let (groups, parent_topics) = registry.counts();
                    return Ok(AdminAnswer::Instance(Instance {
                        instance: shared.instance.clone(),
                        settings: registry.rules().settings(),
                        clients: shared.routes.len() as u64,
                        groups,
                        parent_topics,
                        traces_dropped: shared.traces_dropped(),
                    }));
                }
                AdminCall::Groups => {
                    let clients = shared.routes.count_by_group();
                    let count = |group: &str| clients.get(group).copied().unwrap_or_default();
                    return Ok(AdminAnswer::Groups(registry.groups(count)));
                }
                AdminCall::ParentTopics => {
                    return Ok(AdminAnswer::ParentTopics(registry.parent_topics()));
                }
                AdminCall::SetSettings { settings } => registry.set_settings(settings),
                AdminCall::CreateGroup { group } => registry.create_group(&group),
                AdminCall::DeleteGroup { group } => {
                    let clients = shared.routes.count_by_group();
                    let connected = clients.get(group.as_str()).copied().unwrap_or_default();
                    registry.delete_group(&group, connected)
                }
                AdminCall::CreateParentTopic { parent } => registry.create_parent_topic(&parent),
                AdminCall::SetPrecedence { parent, precedence } => {
                    registry.set_precedence(&parent, precedence)
                }
                AdminCall::DeleteParentTopic { parent } => registry.delete_parent_topic(&parent),
                AdminCall::Grant {
                    parent,
                    group,
                    access,
                } => registry.grant(&group, &parent, access),
                AdminCall::Ungrant { parent, group } => registry.ungrant(&group, &parent),
                _ => return Err(not_here()),
            }?;
            Ok(AdminAnswer::Done)
        })
        .await
    }

    async fn answer_operations(&self, call: AdminCall) -> Answered {
        if let AdminCall::SlowClients { limit } = call {
            let slow = self.0.slow_consumers(limit.min(PAGE_MAX)).await;
            let slow = slow.iter().map(slow_client).collect();
            return Ok(AdminAnswer::SlowClients(slow));
        }
        self.change(move |shared| {
            Ok(match call {
                AdminCall::Listeners => AdminAnswer::Listeners(shared.listener_statuses()),
                AdminCall::ReloadCertificates => {
                    let reloaded = shared.reload_certificates();
                    reloaded.map_err(|error| RegistryError::Refused(whole(&error)))?;
                    AdminAnswer::Listeners(shared.listener_statuses())
                }
                AdminCall::Drain { order } => {
                    shared.drain(drain_of(order)?);
                    AdminAnswer::Done
                }
                AdminCall::Metrics => AdminAnswer::Metrics(shared.exposition()),
                _ => return Err(not_here()),
            })
        })
        .await
    }

    async fn answer_keys(&self, call: AdminCall) -> Answered {
        match call {
            AdminCall::DeleteAccessKey { access_key_id } => {
                let credential = format!("key/{access_key_id}");
                self.change(move |shared| shared.registry.delete_access_key(&access_key_id))
                    .await?;
                self.close_where(|route| *route.origin.access_key_id == *credential)
                    .await;
                Ok(AdminAnswer::Done)
            }
            AdminCall::RevokeToken { token } => {
                let revoke = move |shared: &crate::shared::Shared| {
                    let id = shared.registry.revoke_token(token.expose())?;
                    let id: Arc<str> = id.into();
                    for inbox in &shared.inboxes {
                        inbox
                            .push(Letter::Revoked(Arc::clone(&id)))
                            .expect("a letter of a revoked token is never refused");
                    }
                    Ok(AdminAnswer::Done)
                };
                self.change(revoke).await
            }
            call => {
                self.change(move |shared| {
                    let registry = &shared.registry;
                    Ok(match call {
                        AdminCall::AccessKeys => AdminAnswer::AccessKeys(registry.access_keys()),
                        AdminCall::CreateAccessKey {
                            description,
                            rights,
                        } => AdminAnswer::Issued(registry.create_access_key(&description, rights)?),
                        AdminCall::ApplyToken { application } => {
                            AdminAnswer::Token(registry.apply_token(application)?)
                        }
                        AdminCall::QueryToken { token } => {
                            AdminAnswer::TokenStatus(registry.token_status(token.expose()))
                        }
                        _ => return Err(not_here()),
                    })
                })
                .await
            }
        }
    }

    async fn answer_devices(&self, call: AdminCall) -> Answered {
        let closes = match &call {
            AdminCall::RefreshDevice { client_id } | AdminCall::UnregisterDevice { client_id } => {
                Some(client_id.clone())
            }
            _ => None,
        };
        let answer = self
            .change(move |shared| {
                let registry = &shared.registry;
                Ok(match call {
                    AdminCall::DeviceCredentials { query } => {
                        AdminAnswer::DeviceCredentials(registry.devices(&query))
                    }
                    AdminCall::Device { client_id } => {
                        AdminAnswer::DeviceCredentials(registry.device(&client_id)?)
                    }
                    AdminCall::RegisterDevice { client_id, rights } => {
                        AdminAnswer::Issued(registry.register_device(&client_id, rights)?)
                    }
                    AdminCall::RefreshDevice { client_id } => {
                        AdminAnswer::Issued(registry.refresh_device(&client_id)?)
                    }
                    AdminCall::UnregisterDevice { client_id } => {
                        registry.unregister_device(&client_id)?;
                        AdminAnswer::Done
                    }
                    _ => return Err(not_here()),
                })
            })
            .await?;
        if let Some(client_id) = closes {
            // Not those who came in by an access key, a token or a certificate.
            self.close_if(&client_id, End::Withdrawn, |route| {
                !route.origin.access_key_id.contains('/')
            })
            .await;
        }
        Ok(answer)
    }

    async fn answer_certificates(&self, call: AdminCall) -> Answered {
        let closes = closed_by(&call);
        let answer = self
            .change(move |shared| {
                let registry = &shared.registry;
                match call {
                    AdminCall::RegistrationCode => {
                        return Ok(AdminAnswer::RegistrationCode(registry.registration_code()?));
                    }
                    AdminCall::Authorities => {
                        return Ok(AdminAnswer::Authorities(registry.authorities()));
                    }
                    AdminCall::DeviceCertificates { query } => {
                        let seen = registry.device_certificates(&query)?;
                        return Ok(AdminAnswer::DeviceCertificates(seen));
                    }
                    AdminCall::RegisterAuthority { authority } => {
                        registry.register_authority(authority)
                    }
                    AdminCall::SetAuthority { serial, state } => {
                        registry.set_authority(&serial, state)
                    }
                    AdminCall::DeleteAuthority { serial } => registry.delete_authority(&serial),
                    AdminCall::SetDeviceCertificate {
                        authority,
                        serial,
                        state,
                    } => registry.set_device_certificate(&authority, &serial, state),
                    AdminCall::DeleteDeviceCertificate { authority, serial } => {
                        registry.delete_device_certificate(&authority, &serial)
                    }
                    _ => return Err(not_here()),
                }?;
                shared.trust_authorities();
                Ok(AdminAnswer::Done)
            })
            .await?;
        if let Some(closes) = closes {
            self.close_where(|route| closes.contains(&route.origin.access_key_id))
                .await;
        }
        Ok(answer)
    }

    /// Closes every connection that `wanted` says.
    async fn close_where(&self, wanted: impl Fn(&Route) -> bool) {
        for (_, route) in self.0.routes.select(|_, route| wanted(route)) {
            self.close_route(&route, End::Withdrawn).await;
        }
    }
}

/// Certificates that let nobody in any more.
#[derive(Debug, PartialEq, Eq)]
enum Closed {
    /// All of an authority.
    OfAuthority { beginning: String },
    /// One.
    Device { credential: String },
}

impl Closed {
    fn contains(&self, credential: &str) -> bool {
        match self {
            Self::OfAuthority { beginning } => credential.starts_with(beginning),
            Self::Device { credential: one } => credential == one,
        }
    }
}

fn closed_by(call: &AdminCall) -> Option<Closed> {
    match call {
        AdminCall::SetAuthority {
            serial,
            state: CertificateState::Inactive,
        } => Some(Closed::OfAuthority {
            beginning: format!("x509/{serial}/"),
        }),
        AdminCall::SetDeviceCertificate {
            authority,
            serial,
            state: CertificateState::Inactive,
        } => Some(Closed::Device {
            credential: format!("x509/{authority}/{serial}"),
        }),
        _ => None,
    }
}

/// An error with what has caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", whole(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

/// A call was given to the wrong one of the functions above.
fn not_here() -> RegistryError {
    RegistryError::Refused("this call is not known here".into())
}
