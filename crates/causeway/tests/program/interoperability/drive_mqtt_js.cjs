// Clients of npm's mqtt.js, driven by lines of JSON.

const fs = require("node:fs");
const readline = require("node:readline");
const mqtt = require("mqtt");

const [port, caFile, version] = process.argv.slice(2);
const clients = new Map();

function tell(client, event, more = {}) {
  console.log(JSON.stringify({ client, event, ...more }));
}

function connect({ client, login, subscribe, qos, will }) {
  const { password, certificate } = login.proof;
  const c = mqtt.connect({
    protocol: "mqtts",
    host: "localhost",
    port: Number(port),
    ca: fs.readFileSync(caFile),
    cert: certificate && fs.readFileSync(certificate.file),
    key: certificate && fs.readFileSync(certificate.key),
    clientId: login.client_id,
    username: password?.user,
    password: password?.password,
    protocolVersion: Number(version),
    reconnectPeriod: 0,
    will: will && { topic: will.topic, payload: will.payload, qos: 1 },
  });
  let code = null;
  c.on("connect", () => {
    if (subscribe.length === 0) {
      return tell(client, "ready");
    }
    c.subscribe(subscribe, { qos }, (error, granted) => {
      const refused = granted?.find((one) => one.qos >= 128);
      if (error || refused) {
        tell(client, "refused", { code: refused?.qos ?? null });
      } else {
        tell(client, "ready");
      }
    });
  });
  c.on("message", (topic, payload, packet) => {
    const { qos, retain } = packet;
    tell(client, "message", { topic, payload: payload.toString(), qos, retain });
  });
  c.on("error", (error) => {
    tell(client, "refused", { code: typeof error.code === "number" ? error.code : null });
  });
  c.on("disconnect", (packet) => {
    code = packet.reasonCode;
  });
  c.on("close", () => tell(client, "closed", { code }));
  clients.set(client, c);
}

function publish({ client, topic, payload, qos, retain }) {
  clients.get(client).publish(topic, payload, { qos, retain }, (error) => {
    if (error) {
      throw error;
    }
    tell(client, "sent");
  });
}

const orders = {
  connect,
  publish,
  leave: ({ client }) => clients.get(client).end(),
  cut: ({ client }) => clients.get(client).stream.destroy(),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  orders[order.do](order);
});
