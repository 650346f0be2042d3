import type { Gateway } from '../../api/types';
import { Age } from '../../components/age';
import { Card } from '../../components/card';
import { Facts, type Fact } from '../../components/facts';
import { Figure } from '../../components/figure';
import { Meter } from '../../components/meter';
import { formatBytes, formatRate, scaleBytes } from '../../format/bytes';
import { formatDuration, formatSpan } from '../../format/duration';
import { dirtyBytes, locationText, oldestDirtyAge } from '../gateways/gateway-figures';
import { SettingsCell } from '../gateways/gateway-table';

interface GatewayFactsProps {
  gateway: Gateway;
  stale: boolean;
}

export function GatewayFacts({ gateway, stale }: GatewayFactsProps) {
  return (
    <div className="gateway-facts">
      <Card data-testid="gateway-figures">
        <div className="figures">
          <Unprotected gateway={gateway} stale={stale} />
          <Figure
            name="Upload"
            value={stale ? '–' : formatRate(gateway.rates?.upload_bytes_per_s)}
            note="to the object store"
            stale={stale}
            data-testid="gateway-upload-rate"
          />
          <Figure
            name="Written by clients"
            value={stale ? '–' : formatRate(gateway.rates?.write_bytes_per_s)}
            note={`read ${stale ? '–' : formatRate(gateway.rates?.read_bytes_per_s)}`}
            stale={stale}
            data-testid="gateway-write-rate"
          />
          <CacheDisk gateway={gateway} stale={stale} />
        </div>
      </Card>
      <Card>
        <Facts facts={facts(gateway)} />
      </Card>
    </div>
  );
}

function Unprotected({ gateway, stale }: GatewayFactsProps) {
  const bytes = dirtyBytes(gateway);
  const scaled = bytes === null ? { value: '–', unit: '' } : scaleBytes(bytes);
  const age = oldestDirtyAge(gateway) ?? 0;
  return (
    <Figure
      name="Unprotected data"
      value={scaled.value}
      unit={scaled.unit}
      note={age > 0 ? `oldest ${formatSpan(age)}` : stale ? 'when it last reported' : 'all safe in the object store'}
      stale={stale}
      data-testid="gateway-dirty-bytes"
    />
  );
}

function CacheDisk({ gateway, stale }: GatewayFactsProps) {
  const disk = gateway.status?.cache_disk;
  if (!disk || disk.total_bytes === 0) return <Figure name="Cache disk" value="–" data-testid="gateway-cache-disk" />;
  const used = disk.total_bytes - disk.free_bytes;
  const { value, unit } = scaleBytes(disk.free_bytes);
  const label = `${formatBytes(used)} of ${formatBytes(disk.total_bytes)} used`;
  return (
    <Figure
      name="Cache disk, free"
      value={value}
      unit={unit}
      note={
        <>
          <Meter value={used} max={disk.total_bytes} label={label} />
          {label}
        </>
      }
      stale={stale}
      data-testid="gateway-cache-disk"
    />
  );
}

function facts(gateway: Gateway): Fact[] {
  const seen = gateway.last_seen_at;
  const online = gateway.state === 'online';
  return [
    { name: 'Gateway', value: <span className="mono">{gateway.id}</span>, testid: 'gateway-id' },
    { name: 'Location', value: locationText(gateway), testid: 'gateway-location' },
    { name: 'Last seen', value: seen === null ? 'never' : <Age at={seen} />, testid: 'gateway-last-seen' },
    {
      name: 'Online since',
      value: online && gateway.online_since !== null ? <Age at={gateway.online_since} /> : '–',
    },
    {
      name: 'Round trip',
      value: online && gateway.round_trip_ms !== null ? formatDuration(gateway.round_trip_ms) : '–',
      testid: 'gateway-round-trip',
    },
    { name: 'Connects from', value: gateway.address ?? '–' },
    { name: 'NFS address', value: gateway.status?.nfs_address ?? '–', testid: 'gateway-nfs-address' },
    { name: 'Settings', value: <SettingsCell gateway={gateway} /> },
    { name: 'Version', value: gateway.software_version ?? '–', testid: 'gateway-version' },
    { name: 'Client ID', value: <span className="mono">{gateway.client_id}</span> },
  ];
}
