"""Clients of PyPI's paho-mqtt, driven by lines of JSON."""

import json
import socket
import sys
import threading

import paho.mqtt.client as mqtt

PORT, CA_FILE, VERSION = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
clients = {}
mouth = threading.Lock()


def tell(client, event, **more):
    with mouth:
        print(json.dumps({"client": client, "event": event, **more}), flush=True)


def code_of(reason):
    """For 3.1.1, paho has names of its own, which are no codes."""
    return reason.value if VERSION == 5 else None


def connect(client, login, subscribe, qos, will):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=login["client_id"],
                    protocol=VERSION, reconnect_on_failure=False)
    proof = login["proof"].get("certificate") or {}
    c.tls_set(ca_certs=CA_FILE, certfile=proof.get("file"), keyfile=proof.get("key"))
    if "password" in login["proof"]:
        proof = login["proof"]["password"]
        c.username_pw_set(proof["user"], proof["password"])
    if will:
        c.will_set(will["topic"], will["payload"], qos=1)

    def on_connect(c, _data, _flags, reason, _properties):
        if reason.is_failure:
            tell(client, "refused", code=code_of(reason))
        elif subscribe:
            c.subscribe([(topic, mqtt.SubscribeOptions(qos) if VERSION == 5 else qos)
                         for topic in subscribe])
        else:
            tell(client, "ready")

    def on_subscribe(_c, _data, _mid, reasons, _properties):
        failed = [reason for reason in reasons if reason.is_failure]
        if failed:
            tell(client, "refused", code=code_of(failed[0]))
        else:
            tell(client, "ready")

    def on_message(_c, _data, m):
        tell(client, "message", topic=m.topic, payload=m.payload.decode(), qos=m.qos,
             retain=m.retain)

    c.on_connect, c.on_subscribe, c.on_message = on_connect, on_subscribe, on_message
    c.on_publish = lambda *_: tell(client, "sent")
    c.on_disconnect = lambda _c, _data, _flags, reason, _properties: tell(
        client, "closed", code=code_of(reason))
    clients[client] = c
    c.connect("localhost", PORT)
    c.loop_start()


def publish(client, topic, payload, qos, retain):
    clients[client].publish(topic, payload, qos, retain)


def leave(client):
    clients[client].disconnect()


def cut(client):
    clients[client].socket().shutdown(socket.SHUT_RDWR)


for line in sys.stdin:
    order = json.loads(line)
    {"connect": connect, "publish": publish, "leave": leave, "cut": cut}[order.pop("do")](**order)
