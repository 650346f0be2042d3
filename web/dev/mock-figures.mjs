// Invented history, and checks that can fail.

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const POINTS = 300;

export function metrics(gateway, query) {
  const to = Number(query.to ?? Date.now());
  const from = Number(query.from ?? to - 3600e3);
  const step = Math.max(1_000, Math.round((to - from) / POINTS));
  const series = {};
  const add = (name, value) => {
    series[name] = [];
    for (let at = from - (from % step) + step; at <= to; at += step) series[name].push([at, value(at / 60e3, at)]);
  };
  const wave = (minute, period, phase) => 1 + Math.sin((minute / period) * 2 * Math.PI + phase);
  const noise = (at) => (Math.sin(at * 12.9898) * 43758.5453) % 1;
  const load = (minute, at) => wave(minute, 7, 1) * wave(minute, 1440, 4) * (0.8 + 0.2 * Math.abs(noise(at)));
  add('dirty_bytes', (m, at) => Math.round(load(m, at) * 180 * MIB));
  add('dirty_files', (m, at) => Math.round(load(m, at) * 30));
  add('oldest_dirty_age_ms', (m, at) => Math.round(4_000 + load(m, at) * 3_000));
  add('upload_queue', (m, at) => Math.round(load(m, at) * 21));
  add('uploads_failing', () => 0);
  add('cache_used_bytes', (m) => Math.round(140 * GIB + wave(m, 3000, 2) * 9 * GIB));
  add('inodes', (m) => Math.round(240_000 + m % 10_000));
  add('upload_bytes_per_s', (m, at) => Math.round(load(m - 0.3, at) * 19 * MIB));
  add('download_bytes_per_s', (m, at) => Math.round(load(m, at) * 2 * MIB));
  add('read_bytes_per_s', (m, at) => Math.round(load(m + 2, at) * 34 * MIB));
  add('write_bytes_per_s', (m, at) => Math.round(load(m, at) * 20 * MIB));
  add('hit_ratio', (m) => 0.9 + 0.04 * Math.sin(m / 5));
  if (query.share === undefined) {
    add('memory_bytes', (m) => Math.round(300 * MIB + wave(m, 60, 0) * 12 * MIB));
    add('cpu_ratio', (m, at) => 0.04 + load(m, at) * 0.07);
    add('cache_disk_free_bytes', (m) => Math.round(402 * GIB - wave(m, 3000, 2) * 9 * GIB));
    add('round_trip_ms', (m, at) => gateway.round_trip_ms === null ? null : 12 + Math.abs(noise(at)) * 5);
  }
  return { series, from, to, step };
}

export function checkShare(fleet, id, draft, replaces) {
  const online = fleet.gateways.get(id)?.state === 'online';
  const taken = draft.name !== replaces && fleet.shares(id).has(draft.name);
  const others = [...fleet.gateways.values()].flatMap((gateway) => [...fleet.shares(gateway.id).values()].map((share) => ({ gateway, share })));
  const clash = others.find(({ gateway, share }) => {
    const mine = gateway.id === id && share.settings.name === replaces;
    const [a, b] = [share.settings.bucket, draft.bucket];
    return !mine && a.bucket === b.bucket && (a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix));
  });
  const check = (name, ok, message, code = null) => ({ name, ok, message, code: ok === false ? code : null });
  return [
    check('name', !taken, taken ? `gateway has a share ${draft.name} already; choose another name` : `clients mount /${draft.name}`, 'CONFLICT'),
    check('prefix', true, draft.bucket.prefix === '' ? 'the whole bucket' : `keys below ${draft.bucket.prefix}`),
    check('overlap', !clash, clash ? `share ${clash.share.settings.name} of ${clash.gateway.name} owns ${clash.share.settings.bucket.prefix}; choose another prefix` : 'no other share is there', 'PREFIX_OVERLAP'),
    check('bucket', draft.bucket.bucket !== 'missing', draft.bucket.bucket === 'missing' ? 'the bucket does not exist; create it or correct its name' : 'listed, wrote and removed a test object', 'BUCKET_NOT_FOUND'),
    check('access', true, `${draft.access.length} rule(s)`),
    check('engine', true, 'possible'),
    check('cache', online ? true : null, online ? '402 GiB are free' : 'the gateway is offline and cannot tell'),
  ];
}
