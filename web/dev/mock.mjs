// A console that is not one: the API of docs/http-api.md with invented gateways whose numbers
// move. For work on the pages only; never part of the build. Log in as admin / admin.
//
//   node dev/mock.mjs [port]      port 8099 by default; serves dist/ too if it is there

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { Fleet } from './mock-fleet.mjs';
import { checkShare, metrics } from './mock-figures.mjs';

const DIST = join(import.meta.dirname, '..', 'dist');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
// As strict as the real console's, so that a violation shows up here.
const CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const streams = new Set();
const send = (type, item) => streams.forEach((stream) => stream.write(`event: ${type}\ndata: ${JSON.stringify(item)}\n\n`));
const fleet = new Fleet(send);
const sessions = new Map();
const users = [
  { name: 'admin', role: 'admin', created_at: Date.now() - 40 * 86400e3, password: 'admin' },
  { name: 'mara', role: 'operator', created_at: Date.now() - 21 * 86400e3, password: 'mara' },
  { name: 'jon', role: 'viewer', created_at: Date.now() - 3 * 86400e3, password: 'jon' },
];

class Refusal extends Error {
  constructor(status, code, message, rest = {}) {
    super(message);
    Object.assign(this, { status, code, rest });
  }
}

const need = (thing, message) => {
  if (!thing) throw new Refusal(404, 'NOT_FOUND', message);
  return thing;
};
const page = (items) => ({ items, next: null });
const publicUser = ({ name, role, created_at }) => ({ name, role, created_at });
const gatewayOf = (id) => need(fleet.gateways.get(id), `there is no gateway ${id}`);
const shareOf = (id, name) => need(fleet.shares(gatewayOf(id).id).get(name), `there is no share ${name}`);
const bundleFor = (gateway) => {
  const bundle = `causeway1.${Buffer.from(JSON.stringify({ gateway: gateway.id, ca: 'x'.repeat(700) })).toString('base64url')}.${randomUUID()}`;
  gateway.bundle_expires_at = Date.now() + 24 * 3600e3;
  return { bundle, expires_at: gateway.bundle_expires_at, command: `causeway gateway join ${bundle}` };
};

const routes = {
  'GET me': ({ user }) => ({ user: publicUser(user), expires_at: Date.now() + 3600e3 }),
  'POST me/password': ({ user, body }) => {
    if (body.old !== user.password) throw new Refusal(400, 'INVALID_ARGUMENT', 'the current password is not right');
    user.password = body.new;
    return {};
  },
  'GET users': () => page(users.map(publicUser)),
  'POST users': ({ body }) => {
    if (users.some((user) => user.name === body.name)) throw new Refusal(409, 'CONFLICT', `user ${body.name} exists; choose another name`);
    users.push({ ...body, created_at: Date.now() });
    return publicUser(users.at(-1));
  },
  'DELETE users/:name': ({ params }) => {
    users.splice(users.findIndex((user) => user.name === params.name), 1);
    return {};
  },
  'GET overview': () => fleet.overview(),
  'GET gateways': () => page([...fleet.gateways.values()]),
  'POST gateways': ({ user, body }) => {
    const gateway = fleet.addGateway(body.name, body.location, 'activating');
    fleet.audit(user.name, 'gateway.create', `gateway/${gateway.id}`, body);
    fleet.join(gateway);
    return { gateway, ...bundleFor(gateway) };
  },
  'GET gateways/:id': ({ params }) => gatewayOf(params.id),
  'PATCH gateways/:id': ({ params, body, user }) => {
    const gateway = gatewayOf(params.id);
    gateway.name = body.name;
    fleet.audit(user.name, 'gateway.rename', `gateway/${gateway.id}`, body);
    fleet.changed(gateway);
    return gateway;
  },
  'DELETE gateways/:id': ({ params, query, user }) => {
    const gateway = gatewayOf(params.id);
    refuseDirty(gateway.status?.shares ?? [], query);
    fleet.gateways.delete(params.id);
    fleet.audit(user.name, 'gateway.delete', `gateway/${params.id}`, {});
    send('gateway', { id: params.id, deleted: true });
    return {};
  },
  'POST gateways/:id/bundle': ({ params }) => bundleFor(gatewayOf(params.id)),
  'GET gateways/:id/metrics': ({ params, query }) => metrics(gatewayOf(params.id), query),
  'GET gateways/:id/events': ({ params }) => page(fleet.eventsOf(params.id)),
  'GET gateways/:id/shares': ({ params }) => page([...fleet.shares(gatewayOf(params.id).id).values()]),
  'POST gateways/:id/shares/check': ({ params, body, query }) => ({ checks: checkShare(fleet, params.id, body, query.replaces) }),
  'POST gateways/:id/shares': ({ params, body, user }) => {
    fleet.audit(user.name, 'share.create', `gateway/${params.id}/share/${body.name}`, { bucket: body.bucket.bucket });
    return fleet.storeShare(gatewayOf(params.id), body);
  },
  'GET gateways/:id/shares/:name': ({ params }) => shareOf(params.id, params.name),
  'PUT gateways/:id/shares/:name': ({ params, body, user }) => {
    fleet.audit(user.name, 'share.update', `gateway/${params.id}/share/${params.name}`, {});
    return fleet.storeShare(gatewayOf(params.id), body);
  },
  'DELETE gateways/:id/shares/:name': ({ params, query, user }) => {
    const share = shareOf(params.id, params.name);
    if (query.give_up === 'true' && !share.removing) throw new Refusal(409, 'CONFLICT', 'it is not being removed');
    if (query.give_up !== 'true') refuseDirty(share.status ? [share.status] : [], query);
    fleet.shares(params.id).delete(params.name);
    fleet.audit(user.name, 'share.delete', `gateway/${params.id}/share/${params.name}`, {});
    send('share', { gateway_id: params.id, name: params.name, deleted: true });
    return {};
  },
  'POST gateways/:id/commands': ({ params, body, user }) => answerCommand(fleet.issue(gatewayOf(params.id), body, user.name)),
  'GET commands': ({ query }) => page(fleet.commands.filter((command) => !query.gateway || command.gateway_id === query.gateway)),
  'GET commands/:id': ({ params }) => need(fleet.command(params.id), 'there is no such command'),
  'POST commands/:id/reissue': ({ params, user }) => answerCommand(fleet.reissue(need(fleet.command(params.id), 'there is no such command'), user.name)),
  'GET audit': () => page(fleet.auditEntries),
  'GET audit/verify': () => ({ records: fleet.auditEntries.length * 2, intact: true, broken_at: null }),
};

function answerCommand(command) {
  if (command.state !== 'not_executed') return command;
  throw new Refusal(409, 'OFFLINE', command.error.message, { command });
}

function refuseDirty(shares, query) {
  const dirty = shares.reduce((sum, share) => sum + share.dirty_bytes, 0);
  if (dirty > 0 && query.force !== 'true') {
    throw new Refusal(409, 'CONFLICT', `${dirty} bytes are not in the bucket yet; wait until they are, or delete with force`);
  }
}

function findRoute(method, path) {
  const parts = path.split('/');
  for (const [route, handler] of Object.entries(routes)) {
    const [wanted, pattern] = route.split(' ');
    const names = pattern.split('/');
    if (wanted !== method || names.length !== parts.length) continue;
    const params = {};
    const fits = names.every((name, at) => (name.startsWith(':') ? (params[name.slice(1)] = decodeURIComponent(parts[at])) : name === parts[at]));
    if (fits) return { handler, params };
  }
  throw new Refusal(404, 'NOT_FOUND', `there is no ${method} ${path}`);
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString());
}

function login(body, response) {
  const user = users.find((known) => known.name === body.user && known.password === body.password);
  fleet.audit(body.user, 'user.login', `user/${body.user}`, {}, user ? 'succeeded' : 'failed', user ? null : 'UNAUTHENTICATED: wrong password');
  if (!user) throw new Refusal(401, 'UNAUTHENTICATED', 'user or password is not right');
  const token = createHash('sha256').update(randomUUID()).digest('hex');
  sessions.set(token, user);
  response.setHeader('Set-Cookie', `causeway_session=${token}; HttpOnly; SameSite=Strict; Path=/`);
  return { token, user: publicUser(user), expires_at: Date.now() + 3600e3 };
}

async function api(request, response, url) {
  const path = url.pathname.slice('/api/v1/'.length);
  const token = /causeway_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  const user = sessions.get(token);
  const body = request.method === 'GET' ? {} : await readBody(request);
  if (path === 'login') return login(body, response);
  if (!user) throw new Refusal(401, 'UNAUTHENTICATED', 'log in first');
  if (path === 'logout') {
    sessions.delete(token);
    return {};
  }
  if (path === 'stream') return openStream(request, response);
  const { handler, params } = findRoute(request.method, path);
  return handler({ params, query: Object.fromEntries(url.searchParams), body, user });
}

function openStream(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write(': hello\n\n');
  streams.add(response);
  const alive = setInterval(() => response.write(': alive\n\n'), 15_000);
  request.on('close', () => {
    clearInterval(alive);
    streams.delete(response);
  });
  return undefined;
}

function file(url, response) {
  const wanted = join(DIST, url.pathname);
  const path = wanted.startsWith(DIST) && extname(wanted) !== '' && existsSync(wanted) ? wanted : join(DIST, 'index.html');
  response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP });
  createReadStream(path).pipe(response);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://mock');
  if (!url.pathname.startsWith('/api/')) return file(url, response);
  try {
    const answer = await api(request, response, url);
    if (answer === undefined) return;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer));
  } catch (error) {
    const { status = 500, code = 'INTERNAL', message, rest = {} } = error;
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ error: { code, message }, ...rest }));
  }
});

const port = Number(process.argv[2] ?? 8099);
server.listen(port, '127.0.0.1', () => console.log(`mock console on http://127.0.0.1:${port}, admin / admin`));
