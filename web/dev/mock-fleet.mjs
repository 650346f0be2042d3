// Invented gateways, shares, commands and audit entries that change by themselves.

import { createHash, randomUUID } from 'node:crypto';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TICK_MS = 2_000;
const HOUR = 3600e3;

const ENGINE = {
  mode: 'cache',
  ignore_delete: false,
  encryption: { method: 'bucket_default' },
  bandwidth: {
    limits: { upload_bytes_per_s: 40 * MIB, download_bytes_per_s: 0 },
    windows: [{ days: ['saturday', 'sunday'], from_minute: 0, to_minute: 1440, limits: { upload_bytes_per_s: 0, download_bytes_per_s: 0 } }],
    utc_offset_minutes: 60,
  },
  uploads: { rest_max_ms: 60_000, part_bytes: 8 * MIB, requests_max: 256 },
  refresh_after_s: 0,
};

const NAMES = [
  ['Berlin, head office', 'on-premises', 'online', ['projects', 'media']],
  ['Hamburg, harbour depot', 'on-premises', 'online', ['scans']],
  ['Frankfurt VPC', 'cloud', 'online', ['analytics', 'backups', 'models']],
  ['Vienna clinic', 'on-premises', 'offline', ['imaging']],
  ['Zürich laboratory', 'on-premises', 'online', ['sequencer']],
  ['Munich archive', 'on-premises', 'activating', []],
];

export class Fleet {
  constructor(send) {
    this.send = send;
    this.gateways = new Map();
    this.sharesByGateway = new Map();
    this.commands = [];
    this.auditEntries = [];
    this.events = [];
    NAMES.forEach(([name, location, state, shares]) => this.found(name, location, state, shares));
    this.pastCommands();
    setInterval(() => this.tick(), TICK_MS);
  }

  shares(id) {
    return this.sharesByGateway.get(id);
  }

  command(id) {
    return this.commands.find((command) => command.id === id);
  }

  eventsOf(id) {
    return this.events.filter((event) => event.gateway_id === id);
  }

  found(name, location, state, shares) {
    const gateway = this.addGateway(name, location, state);
    for (const share of shares) this.storeShare(gateway, draft(share), false);
    if (state === 'activating') gateway.bundle_expires_at = Date.now() + 20 * HOUR;
    if (state !== 'activating') this.bringIn(gateway);
    if (state === 'offline') {
      const seen = Date.now() - 11 * 60e3;
      Object.assign(gateway, { state, last_seen_at: seen, status_at: seen, online_since: null, rates: null });
    }
    this.event(gateway, 'info', null, 'connected', 26 * HOUR);
    for (const share of shares) this.event(gateway, 'info', share, `share ${share} is served`, 25.9 * HOUR);
    this.audit('admin', 'gateway.create', `gateway/${gateway.id}`, { name, location }, 'succeeded', null, 27 * HOUR);
    if (shares.includes('scans')) this.breakShare(gateway, 'scans');
  }

  addGateway(name, location, state) {
    const alphabet = '23456789abcdefghjkmnpqrstuvwxyz';
    const id = `gw-${Array.from({ length: 8 }, () => alphabet[Math.floor(Math.random() * alphabet.length)]).join('')}`;
    const gateway = {
      id, name, location, client_id: `GID_csg_local@@@${id}`, state, last_seen_at: null, online_since: null, address: null,
      round_trip_ms: null, intent_version: 0, reached_version: null, software_version: null, activated_at: null,
      created_at: Date.now(), bundle_expires_at: Date.now() + 24 * HOUR, status: null, status_at: null, rates: null,
    };
    this.gateways.set(id, gateway);
    this.sharesByGateway.set(id, new Map());
    this.send('gateway', gateway);
    return gateway;
  }

  /** As if somebody ran the command at the site. */
  join(gateway) {
    setTimeout(() => {
      Object.assign(gateway, { online_since: Date.now(), last_seen_at: Date.now(), address: '203.0.113.41:50122' });
      this.changed(gateway);
    }, 4_000);
    setTimeout(() => {
      this.bringIn(gateway);
      this.event(gateway, 'info', null, 'connected', 0);
      this.changed(gateway);
    }, 7_000);
  }

  bringIn(gateway) {
    const now = Date.now();
    Object.assign(gateway, {
      state: 'online', activated_at: now, online_since: gateway.online_since ?? now - 26 * HOUR, last_seen_at: now,
      address: gateway.address ?? '198.51.100.7:41822', round_trip_ms: 8 + Math.random() * 40, software_version: '0.1.0',
      bundle_expires_at: null, reached_version: gateway.intent_version,
    });
    this.report(gateway);
  }

  storeShare(gateway, settings, tell = true) {
    const bucket = { ...settings.bucket };
    delete bucket.secret_access_key;
    const known = this.shares(gateway.id).get(settings.name);
    const share = {
      settings: { ...settings, bucket }, status: known?.status ?? null, status_at: known?.status_at ?? null, error: null,
      in_sync: false, removing: false, mount_command: null, rates: null, keys: null,
    };
    this.shares(gateway.id).set(settings.name, share);
    gateway.intent_version += 1;
    if (!tell) this.serve(gateway, share);
    else {
      this.changed(gateway);
      this.shareChanged(gateway, share);
      if (gateway.state === 'online') setTimeout(() => this.serve(gateway, share), 2_500);
    }
    return share;
  }

  serve(gateway, share) {
    const { name } = share.settings;
    const big = Math.random() * 40;
    share.status ??= {
      name, state: 'serving', inodes: Math.round(2_000 + Math.random() * 400_000), dirty_bytes: 0, dirty_files: 0,
      oldest_dirty_age_ms: 0, upload_queue: 0, uploads_failing: 0, last_upload_error: null,
      cache_used_bytes: Math.round(share.settings.cache_bytes_max * Math.random() * 0.7), cache_bytes_max: share.settings.cache_bytes_max,
      uploaded_bytes: Math.round(big * GIB), downloaded_bytes: Math.round(big * 0.3 * GIB), read_bytes: Math.round(big * 4 * GIB),
      written_bytes: Math.round(big * GIB), read_hits: 91_000, read_misses: 6_100, importing: false, objects_listed: 0,
      express: {
        told: 18_200, applied: 2_310, applied_at: Date.now() - 4_000, delay_ms: 140, delay_p99_ms: 390, delay_max_ms: 610, gaps: 1, scans: 1,
      },
    };
    Object.assign(share, { in_sync: true, status_at: Date.now(), mount_command: `mount -t nfs -o vers=3,tcp,nolock,port=2049,mountport=2049 10.20.0.5:/${name} /mnt/${name}` });
    gateway.reached_version = gateway.intent_version;
    this.report(gateway);
    this.shareChanged(gateway, share);
  }

  breakShare(gateway, name) {
    const { status } = this.shares(gateway.id).get(name);
    Object.assign(status, {
      dirty_bytes: 3.4 * GIB, dirty_files: 212, oldest_dirty_age_ms: 47 * 60e3, upload_queue: 219, uploads_failing: 212,
      last_upload_error: 'the object store refuses the access key; check it in the settings of the share',
    });
    this.event(gateway, 'error', name, 'uploads fail: the object store refuses the access key', 47 * 60e3);
    this.event(gateway, 'warning', name, 'unprotected data is older than 30 minutes', 17 * 60e3);
  }

  report(gateway) {
    const shares = [...this.shares(gateway.id).values()].map((share) => share.status).filter((status) => status !== null);
    const now = Date.now();
    gateway.status = {
      gateway: gateway.id, at: now, started_at: now - 26 * HOUR, software_version: '0.1.0', intent_version: gateway.reached_version,
      nfs_address: '10.20.0.5:2049', memory_bytes: 310 * MIB, cpu_ms: 1_220_000,
      cache_disk: { total_bytes: 960 * GIB, free_bytes: 402 * GIB + Math.round(Math.random() * GIB) }, shares,
    };
    const sum = (name) => [...this.shares(gateway.id).values()].reduce((total, share) => total + (share.rates?.[name] ?? 0), 0);
    gateway.rates = shares.length === 0 ? null : rates(sum);
    Object.assign(gateway, { status_at: now, last_seen_at: now });
  }

  tick() {
    for (const gateway of this.gateways.values()) {
      if (gateway.state !== 'online') continue;
      for (const share of this.shares(gateway.id).values()) if (share.status) this.move(gateway, share);
      gateway.round_trip_ms = Math.max(4, gateway.round_trip_ms + (Math.random() - 0.5) * 4);
      this.report(gateway);
      this.send('gateway', gateway);
    }
  }

  move(gateway, share) {
    const { status } = share;
    const failing = status.uploads_failing > 0;
    const wave = 1 + Math.sin(Date.now() / 21_000 + status.name.length);
    const written = Math.round(wave * wave * 14 * MIB * Math.random() * (failing ? 0.02 : 1) * (TICK_MS / 1000));
    const uploaded = failing ? 0 : Math.min(status.dirty_bytes, Math.round(22 * MIB * (TICK_MS / 1000) * (0.6 + Math.random() * 0.4)));
    status.written_bytes += written;
    status.uploaded_bytes += uploaded;
    status.dirty_bytes += written - uploaded;
    status.read_hits += 40;
    status.read_misses += 3;
    if (!failing) {
      status.dirty_files = Math.ceil(status.dirty_bytes / (6 * MIB));
      status.upload_queue = Math.ceil(status.dirty_files * 0.7);
    }
    status.oldest_dirty_age_ms = status.dirty_bytes === 0 ? 0 : failing ? status.oldest_dirty_age_ms + TICK_MS : Math.min(5_000 + status.dirty_files * 90, status.oldest_dirty_age_ms + TICK_MS);
    const per_s = (bytes) => Math.round(bytes / (TICK_MS / 1000));
    share.rates = { upload_bytes_per_s: per_s(uploaded), download_bytes_per_s: per_s(uploaded * 0.1), read_bytes_per_s: per_s(written * 2.3), write_bytes_per_s: per_s(written) };
    status.read_bytes += Math.round(written * 2.3);
    share.status_at = Date.now();
    this.shareChanged(gateway, share);
  }

  changed(gateway) {
    this.send('gateway', gateway);
  }

  shareChanged(gateway, share) {
    this.send('share', { gateway_id: gateway.id, ...share });
  }

  event(gateway, severity, share, message, ago) {
    const event = { id: randomUUID(), gateway_id: gateway.id, at: Date.now() - ago, severity, share, message };
    this.events.unshift(event);
    this.send('event', event);
  }

  issue(gateway, { method, params }, actor, again = {}) {
    const now = Date.now();
    const command = {
      id: randomUUID(), gateway_id: gateway.id, method, params: params ?? {}, idempotency_key: randomUUID(), generation: 1,
      noreply: false, issued_by: actor, issued_at: now, deadline: now + 30_000, marks: { accepted: now }, state: 'pending',
      result: null, error: null, reissue_of: null, reissued_as: null, ...again,
    };
    this.commands.unshift(command);
    const entry = this.audit(actor, 'command.issue', `gateway/${gateway.id}`, { method, params, command: command.id }, 'open');
    if (gateway.state !== 'online') {
      command.state = 'not_executed';
      command.marks.finished = now + 7;
      command.error = { code: 'OFFLINE', message: `${gateway.name} is not connected; reissue the command when it is back` };
      this.close(entry, 'failed', `OFFLINE: ${command.error.message}`);
    } else this.run(command, entry);
    this.send('command', command);
    return command;
  }

  run(command, entry) {
    const later = (ms, change) => setTimeout(() => {
      change();
      this.send('command', { ...command });
    }, ms);
    later(60, () => (command.marks.delivered = Date.now()));
    later(90, () => (command.marks.started = Date.now()));
    later(command.method === 'share.sync' ? 1_800 : 320, () => {
      command.marks.finished = Date.now();
      command.state = 'finished';
      command.result = command.method === 'share.sync' ? { listed: 18_204, added: 3, changed: 1, removed: 0 } : {};
      this.close(entry, 'succeeded', null);
    });
  }

  reissue(old, actor) {
    const again = { idempotency_key: old.idempotency_key, generation: old.generation + 1, reissue_of: old.id };
    const command = this.issue(this.gateways.get(old.gateway_id), old, actor, again);
    old.reissued_as = command.id;
    this.send('command', old);
    return command;
  }

  pastCommands() {
    const [berlin, hamburg, , vienna, zurich] = [...this.gateways.values()];
    const past = (gateway, method, params, ago, change) => {
      const at = Date.now() - ago;
      const command = {
        id: randomUUID(), gateway_id: gateway.id, method, params, idempotency_key: randomUUID(), generation: 1, noreply: false,
        issued_by: 'mara', issued_at: at, deadline: at + 30_000, marks: { accepted: at }, state: 'pending', result: null, error: null,
        reissue_of: null, reissued_as: null,
      };
      change(command, at);
      this.commands.push(command);
      this.audit('mara', 'command.issue', `gateway/${gateway.id}`, { method, params }, command.state === 'finished' ? 'succeeded' : command.state === 'unknown' ? 'unknown' : 'failed', command.error && `${command.error.code}: ${command.error.message}`, ago);
    };
    const finished = (took) => (command, at) => Object.assign(command, { state: 'finished', marks: { accepted: at, delivered: at + 24, started: at + 31, finished: at + took }, result: { listed: 18_204, added: 12, changed: 0, removed: 2 } });
    past(berlin, 'share.sync', { share: 'projects' }, 4 * 60e3, finished(2_310));
    past(vienna, 'status.get', {}, 9 * 60e3, (command) => Object.assign(command, { state: 'not_executed', error: { code: 'OFFLINE', message: `${vienna.name} is not connected; reissue the command when it is back` } }));
    past(vienna, 'gateway.restart-share', { share: 'imaging' }, 11.4 * 60e3, (command, at) => Object.assign(command, { state: 'unknown', marks: { accepted: at, delivered: at + 41 }, error: { code: 'EXPIRED', message: 'it was delivered, but no result came before the deadline' } }));
    past(hamburg, 'share.sync', { share: 'scans' }, 46 * 60e3, (command, at) => Object.assign(command, { state: 'failed', marks: { accepted: at, delivered: at + 30, started: at + 38, finished: at + 290 }, error: { code: 'BUCKET_ACCESS_DENIED', message: 'the object store refuses the access key; check it in the settings of the share' } }));
    past(zurich, 'status.get', {}, 3 * HOUR, finished(61));
  }

  audit(actor, action, target, details, outcome = 'succeeded', reason = null, ago = 0) {
    const at = Date.now() - ago;
    const id = this.auditEntries.length + 1;
    const hash = createHash('sha256').update(`${id}${action}${target}${at}`).digest('hex');
    const entry = { id, at, actor, source: '192.0.2.14', channel: 'page', action, target, details, outcome, reason, closed_at: outcome === 'open' ? null : at + 12, hash };
    this.auditEntries.unshift(entry);
    this.auditEntries.sort((a, b) => b.at - a.at);
    this.send('audit', entry);
    return entry;
  }

  close(entry, outcome, reason) {
    Object.assign(entry, { outcome, reason, closed_at: Date.now() });
    this.send('audit', entry);
  }

  overview() {
    const all = [...this.gateways.values()];
    const shares = all.flatMap((gateway) => gateway.status?.shares ?? []);
    const count = (items, test) => items.filter(test).length;
    const sum = (name) => all.reduce((total, gateway) => total + (gateway.rates?.[name] ?? 0), 0);
    const open = this.commands.filter((command) => command.reissued_as === null);
    return {
      gateways: { total: all.length, online: count(all, (g) => g.state === 'online'), offline: count(all, (g) => g.state === 'offline'), activating: count(all, (g) => g.state === 'activating') },
      shares: { total: shares.length, serving: count(shares, (s) => s.state === 'serving'), failed: count(shares, (s) => s.state === 'failed') },
      dirty_bytes: shares.reduce((total, share) => total + share.dirty_bytes, 0),
      dirty_files: shares.reduce((total, share) => total + share.dirty_files, 0),
      oldest_dirty_age_ms: Math.max(0, ...shares.map((share) => share.oldest_dirty_age_ms)),
      rates: rates(sum),
      commands: { pending: count(open, (c) => c.state === 'pending'), failed: count(open, (c) => c.state === 'failed' || c.state === 'not_executed'), unknown: count(open, (c) => c.state === 'unknown') },
      uploads_failing: shares.reduce((total, share) => total + share.uploads_failing, 0),
      bus_connected: true,
      at: Date.now(),
    };
  }
}

function rates(sum) {
  return Object.fromEntries(['upload_bytes_per_s', 'download_bytes_per_s', 'read_bytes_per_s', 'write_bytes_per_s'].map((name) => [name, sum(name)]));
}

function draft(name) {
  return {
    name, protocol: 'nfs',
    bucket: { provider: 's3', endpoint: 'https://s3.eu-central-1.amazonaws.com', region: 'eu-central-1', bucket: 'acme-files', prefix: `${name}/`, access_key_id: 'AKIAIOSFODNN7EXAMPLE', signature: 'v4', role: null },
    cache_bytes_max: 200 * GIB, upload_delay_ms: 5_000, rescan_interval_s: 300, express_sync: true,
    access: [{ cidr: '10.20.0.0/16', access: 'read_write' }, { cidr: '10.30.4.0/24', access: 'read_only' }], squash: 'root', writers: 'one', conflicts: 'keep_both',
    engine: ENGINE,
  };
}
