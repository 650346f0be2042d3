//! CONNECT: from a stranger to a client.

use std::sync::Arc;

use model::TopicName;
use mqtt_codec::{ConnAck, Connect, Packet, PropertiesBuf, Property, ReasonCode, Will};

use super::{Context, End, Live, Output, Refusal, Resumed, persistent::expiry_s};
use crate::{
    authenticate::{Identity, Judge, authenticate},
    limits::{INFLIGHT_MAX, KEEP_ALIVE_S_MAX, PACKET_LEN_MAX, RECEIVE_MAX, TOPIC_ALIASES_IN_MAX},
    listener::NotServed,
    message::{MessageRef, Outgoing, is_of_its_format},
    rights::Act,
};

/// What the client asks of the session.
#[derive(Debug)]
struct Wishes {
    receive_max: u16,
    packet_len_max: u32,
    session_expiry_s: u32,
    topic_alias_max: u16,
    flags: Flags,
}

/// Properties of CONNECT that say yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags {
    problem_information: bool,
    response_information: bool,
    authentication_method: bool,
}

impl Wishes {
    fn of(connect: &Connect<'_>) -> Self {
        let mut wishes = Self {
            receive_max: u16::MAX,
            packet_len_max: u32::MAX,
            session_expiry_s: 0,
            topic_alias_max: 0,
            flags: Flags {
                problem_information: true,
                response_information: false,
                authentication_method: false,
            },
        };
        let flags = &mut wishes.flags;
        for property in connect.properties {
            match property {
                Property::ReceiveMaximum(value) => wishes.receive_max = value,
                Property::MaximumPacketSize(value) => wishes.packet_len_max = value,
                Property::SessionExpiryInterval(value) => wishes.session_expiry_s = value,
                Property::TopicAliasMaximum(value) => wishes.topic_alias_max = value,
                Property::RequestProblemInformation(value) => flags.problem_information = value,
                Property::RequestResponseInformation(value) => flags.response_information = value,
                Property::AuthenticationMethod(_) => flags.authentication_method = true,
                _ => {}
            }
        }
        wishes
    }

    fn len_max(&self) -> usize {
        usize::try_from(self.packet_len_max).unwrap_or(usize::MAX)
    }
}

/// Lets the client in and writes CONNACK, or writes why not.
pub(super) fn connect(
    connect: &Connect<'_>,
    context: &Context<'_>,
    out: &mut Output,
) -> Result<(Live, Arc<str>, Resumed), End> {
    let wishes = Wishes::of(connect);
    if let Some(why) = context.visitor.refused {
        return Err(turn_away(why, connect, &wishes, out));
    }
    let admitted = admit(connect, &wishes, context).and_then(|(mut live, access_key_id)| {
        let expiry_s = expiry_s(connect, wishes.session_expiry_s);
        // Before anything is changed: CONNACK is as long whether there is a session or not.
        let terms = (expiry_s, false);
        if !accept(connect, &wishes, (&live, terms), &mut Output::default()) {
            let text = "CONNACK is longer than the client's maximum packet size";
            return Err((ReasonCode::PacketTooLarge, text.into()));
        }
        let resumed = live.attach(connect.clean_start, expiry_s, context, out)?;
        accept(connect, &wishes, (&live, (expiry_s, resumed.present)), out);
        Ok((live, access_key_id, resumed))
    });
    admitted.map_err(|(reason, text)| {
        out.put_refusal(reason, &text, connect.version, wishes.len_max());
        let why = if reason == ReasonCode::QuotaExceeded {
            NotServed::GroupFull
        } else {
            NotServed::NotAuthorized
        };
        let refusal = Some(Refusal::new(connect.client_id, reason));
        End::NotConnected { text, why, refusal }
    })
}

/// Answers before anything is checked: what must be cheap when too many come.
fn turn_away(why: NotServed, connect: &Connect<'_>, wishes: &Wishes, out: &mut Output) -> End {
    let (reason, text) = match why {
        NotServed::Full => (
            ReasonCode::QuotaExceeded,
            "there are as many connections as there may be",
        ),
        NotServed::Rate
        | NotServed::Handshake
        | NotServed::NotAuthorized
        | NotServed::GroupFull => (
            ReasonCode::ServerBusy,
            "too many clients connect at once; try again shortly",
        ),
    };
    out.put_refusal(reason, text, connect.version, wishes.len_max());
    End::NotConnected {
        text: text.into(),
        why,
        refusal: None,
    }
}

type Refused = (ReasonCode, String);

fn admit(
    connect: &Connect<'_>,
    wishes: &Wishes,
    context: &Context<'_>,
) -> Result<(Live, Arc<str>), Refused> {
    if wishes.flags.authentication_method {
        let text = "enhanced authentication is not offered here";
        return Err((ReasonCode::BadAuthenticationMethod, text.into()));
    }
    let judge = Judge {
        registry: context.registry,
        instance: context.instance,
        certificate: context.visitor.certificate,
    };
    let identity =
        authenticate(connect, judge).map_err(|error| (error.reason(), error.to_string()))?;
    // Whoever is here already takes no more room when it comes again.
    let is_here = || context.routes.seat(identity.client_id.as_str()).is_some();
    if !context.groups.has_room(identity.client_id.group()) && !is_here() {
        let text = "this group has as many clients as it may have";
        return Err((ReasonCode::QuotaExceeded, text.into()));
    }
    let will = connect
        .will
        .map(|will| check_will(&will, &identity, context))
        .transpose()?;
    let Identity {
        client_id,
        credential: access_key_id,
        rights,
    } = identity;
    let live = Live {
        channel: context.next_channel(),
        client_id: client_id.as_str().into(),
        group: context.registry.rules().group_number(client_id.group()),
        group_len: u8::try_from(client_id.group().len()).expect("a client ID is short"),
        version: connect.version,
        // MQTT 3.1.1 cannot tell a client to use another keep alive than it asked for.
        keep_alive_s: if connect.version.has_properties() {
            server_keep_alive_s(connect.keep_alive_s)
        } else {
            connect.keep_alive_s
        },
        receive_max: wishes.receive_max.min(INFLIGHT_MAX),
        packet_len_max: wishes.packet_len_max,
        problem_information: wishes.flags.problem_information,
        topic_alias_max: wishes.topic_alias_max,
        last_packet_id: 0,
        subscriptions: None,
        alone: None,
        window: None,
        extras: None,
        persistent: None,
        will,
        rights,
    };
    Ok((live, access_key_id))
}

const fn server_keep_alive_s(asked: u16) -> u16 {
    match asked {
        0 => KEEP_ALIVE_S_MAX,
        _ if asked > KEEP_ALIVE_S_MAX => KEEP_ALIVE_S_MAX,
        _ => asked,
    }
}

/// A will obeys the rules of a message that the client publishes itself.
fn check_will(
    will: &Will<'_>,
    identity: &Identity,
    context: &Context<'_>,
) -> Result<Arc<crate::message::Message>, Refused> {
    let max = context.registry.rules().settings().payload_bytes_max;
    if will.payload.len() > usize::try_from(max).unwrap_or(usize::MAX) {
        let text = format!("a will has {max} bytes at most");
        return Err((ReasonCode::PacketTooLarge, text));
    }
    if !is_of_its_format(will.properties, will.payload) {
        let text = "the will is not UTF-8 as its format indicator says";
        return Err((ReasonCode::PayloadFormatInvalid, text.into()));
    }
    let topic =
        TopicName::new(will.topic).map_err(|e| (ReasonCode::TopicNameInvalid, e.to_string()))?;
    let rules = context.registry.rules();
    let client_id = &identity.client_id;
    rules
        .check_publish(
            rules.group_number(client_id.group()),
            || (client_id.group(), client_id.device()),
            &topic,
        )
        .map_err(|refusal| (refusal.reason(), refusal.to_string()))?;
    if let Some(rights) = &identity.rights
        && rights.check(Act::Publish, topic.as_str()).is_err()
    {
        let text = "the client's token or credential does not allow the topic of its will";
        return Err((ReasonCode::NotAuthorized, text.into()));
    }
    let parts = MessageRef {
        topic: will.topic,
        // All of them: delay and expiry interval count from when the connection ends.
        properties: will.properties,
        payload: will.payload,
        qos: will.qos,
        retain: will.retain,
        expires_at: None,
    };
    Ok(Outgoing::borrowed(parts).share())
}

/// CONNACK says what this broker does not do, so that a client need not find out. Whether the
/// client takes a packet of that size.
fn accept(
    connect: &Connect<'_>,
    wishes: &Wishes,
    (live, (expiry_s, session_present)): (&Live, (u32, bool)),
    out: &mut Output,
) -> bool {
    let mut properties = PropertiesBuf::new();
    let answer_to = format!("p2p/{}", live.client_id);
    let mut say = |property| properties.push(property).expect("none of them is long");
    if connect.version.has_properties() {
        if wishes.session_expiry_s != expiry_s {
            say(Property::SessionExpiryInterval(expiry_s));
        }
        if live.keep_alive_s != connect.keep_alive_s {
            say(Property::ServerKeepAlive(live.keep_alive_s));
        }
        if wishes.flags.response_information {
            // Below a parent topic that whoever responds may publish on: P2P to this client.
            say(Property::ResponseInformation(&answer_to));
        }
        say(Property::ReceiveMaximum(RECEIVE_MAX));
        say(Property::TopicAliasMaximum(TOPIC_ALIASES_IN_MAX));
        say(Property::MaximumPacketSize(PACKET_LEN_MAX));
    }
    let properties = properties.as_properties();
    let reason = ReasonCode::Success;
    let ack = ConnAck {
        session_present,
        reason,
        properties,
    };
    out.put_within(
        &Packet::ConnAck(ack),
        connect.version,
        live.packet_len_max(),
    )
}
