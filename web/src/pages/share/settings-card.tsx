import type { Share, ShareSettings } from '../../api/types';
import { Card } from '../../components/card';
import { Facts } from '../../components/facts';
import { formatBytes } from '../../format/bytes';
import { formatDuration, formatSpan } from '../../format/duration';
import { formatTime } from '../../format/time';
import { windowsText } from './line-windows';
import { bucketText } from './share-figures';

const PROVIDERS = { s3: 'S3', oss: 'Alibaba Cloud OSS', directory: 'Directory' };
const SQUASH = { root: 'root becomes nobody', all: 'everybody becomes nobody', none: 'users are who they say' };
const WRITERS = { one: 'one gateway at a time', many: 'several gateways', none: 'none: read only' };
const CONFLICTS = {
  keep_both: 'both copies are kept',
  bucket_wins: 'the bucket wins',
  gateway_wins: 'the gateway wins',
};

const MODES = { cache: 'cache', replication: 'replication', write_through: 'write-through' };
const ENCRYPTION = {
  bucket_default: 'as the bucket says',
  store_keys: 'with keys of the store',
  key_service: 'with a key of the key service',
};

function lineText(bytes: number | undefined): string {
  return bytes === undefined || bytes === 0 ? 'no bound' : `${formatBytes(bytes)}/s`;
}

function uploadsText({ part_bytes, requests_max, rest_max_ms }: ShareSettings['engine']['uploads']): string {
  const parts = `in parts of ${formatBytes(part_bytes)}`;
  return `${parts}, at most ${String(requests_max)} at a time, at the latest after ${formatDuration(rest_max_ms)}`;
}

function storeText({ provider, region }: ShareSettings['bucket']): string {
  return provider === 'directory' ? PROVIDERS[provider] : `${PROVIDERS[provider]}, ${region}`;
}

export function SettingsCard({ share }: { share: Share }) {
  const { settings, keys } = share;
  const { bucket, engine } = settings;
  const { limits, windows } = engine.bandwidth;
  const line = `${lineText(limits.upload_bytes_per_s)} up, ${lineText(limits.download_bytes_per_s)} down`;
  const clients = `${lineText(limits.write_bytes_per_s)} written, ${lineText(limits.read_bytes_per_s)} read`;
  const refresh = engine.refresh_after_s;
  const rescan = settings.rescan_interval_s;
  return (
    <Card title="Settings" data-testid="share-settings">
      <Facts
        facts={[
          { name: 'Protocol', value: 'NFS version 3' },
          { name: 'Object store', value: storeText(bucket) },
          { name: 'Endpoint', value: <span className="mono">{bucket.endpoint}</span> },
          { name: 'Bucket and prefix', value: <span className="mono">{bucketText(bucket)}</span> },
          ...(bucket.provider === 'directory'
            ? []
            : [{ name: 'Access key id', value: <span className="mono">{bucket.access_key_id}</span> }]),
          ...(bucket.role ? [{ name: 'Role that lends keys', value: <span className="mono">{bucket.role.arn}</span> }] : []),
          ...(keys?.expires_at ? [{ name: 'Keys are good until', value: formatTime(keys.expires_at) }] : []),
          { name: 'Cache', value: formatBytes(settings.cache_bytes_max) },
          { name: 'Upload delay', value: formatDuration(settings.upload_delay_ms) },
          { name: 'Looks for changes', value: rescan === 0 ? 'never' : `every ${formatSpan(rescan * 1000)}` },
          { name: 'Express sync', value: settings.express_sync ? 'on' : 'off' },
          { name: 'Users', value: SQUASH[settings.squash] },
          { name: 'Writers', value: WRITERS[settings.writers] },
          { name: 'Changed on both sides', value: CONFLICTS[settings.conflicts] },
          { name: 'Mode', value: MODES[engine.mode] },
          { name: 'Deleted files', value: engine.ignore_delete ? 'their objects stay' : 'their objects go' },
          {
            name: 'Gateway encrypts',
            value: settings.client_encryption ? (
              <>
                with key <span className="mono">{settings.client_encryption.key_id}</span>
              </>
            ) : (
              'no'
            ),
          },
          { name: 'Store encrypts', value: ENCRYPTION[engine.encryption.method] },
          { name: 'Uploads', value: uploadsText(engine.uploads) },
          { name: 'Opened directories', value: refresh === 0 ? 'as they are known' : `at most ${formatSpan(refresh * 1000)} old` },
          { name: 'Clients’ bandwidth', value: clients },
          { name: 'Bandwidth', value: windows.length === 0 ? line : `${line}; ${windowsText(windows)}` },
          { name: 'Clients', value: <Rules settings={settings} /> },
        ]}
      />
    </Card>
  );
}

function Rules({ settings }: { settings: ShareSettings }) {
  if (settings.access.length === 0) return 'nobody';
  return (
    <ul className="plain-list">
      {settings.access.map((rule) => (
        <li key={rule.cidr}>
          <span className="mono">{rule.cidr}</span> {rule.access === 'read_write' ? 'read and write' : 'read only'}
        </li>
      ))}
    </ul>
  );
}
