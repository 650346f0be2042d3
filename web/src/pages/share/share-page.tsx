import { useParams } from 'react-router';
import { ApiError } from '../../api/client';
import { useGateway } from '../../api/gateways';
import { useShare } from '../../api/shares';
import type { Gateway, Share, ShareKeys } from '../../api/types';
import { Banner } from '../../components/banner';
import { Card } from '../../components/card';
import { CodeBlock } from '../../components/code-block';
import { Loading } from '../../components/loading';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { StaleNote } from '../../components/stale-note';
import { SharePill } from '../../components/state-pills';
import { formatTime } from '../../format/time';
import { useNow } from '../../hooks/use-now';
import { MetricsPanel } from '../gateway/metrics-panel';
import { isStale } from '../gateways/gateway-figures';
import { NotFoundPage } from '../not-found-page';
import { ShareActions } from './share-actions';
import { ShareNumbers } from './share-numbers';
import { SettingsCard } from './settings-card';
import { bucketText, lostText, shareProblem } from './share-figures';

export function SharePage() {
  const { id = '', name = '' } = useParams();
  const { data: gateway } = useGateway(id);
  const { data: share, error } = useShare(id, name);
  if (error instanceof ApiError && error.status === 404) return <NotFoundPage />;
  if (error && !share) return <Problem error={error} />;
  if (!share || !gateway) return <Loading what="Reading the share…" />;
  return <Known gateway={gateway} share={share} />;
}

function Known({ gateway, share }: { gateway: Gateway; share: Share }) {
  const { name } = share.settings;
  const stale = isStale(gateway, useNow());
  const problem = shareProblem(share);
  return (
    <>
      <PageHead
        title={name}
        trail={[
          ['Gateways', '/gateways'],
          [gateway.name, `/gateways/${gateway.id}`],
        ]}
        beside={<SharePill share={share} stale={stale} />}
        note={<span className="mono">{bucketText(share.settings.bucket)}</span>}
        actions={<ShareActions gateway={gateway} share={share} />}
      />
      {problem !== null && (
        <Banner tone="bad" data-testid="share-error">
          {problem}
        </Banner>
      )}
      <KeysNote keys={share.keys} />
      {stale && share.status_at !== null && (
        <StaleNote at={share.status_at}>The gateway is not there to tell how the share is.</StaleNote>
      )}
      <LostBytes paths={share.status?.cache?.lost ?? []} />
      {share.status?.importing === true && (
        <Banner tone="info" data-testid="share-importing">
          The first listing of the bucket is under way: {share.status.objects_listed.toLocaleString('en')} objects
          seen so far. Files appear as they are found.
        </Banner>
      )}
      <ShareNumbers share={share} stale={stale} />
      {!share.removing && (
        <Card title="Mount it" note="On a client in the gateway’s network, as root.">
          <MountCommand share={share} />
        </Card>
      )}
      <SettingsCard share={share} />
      <h2 className="section-title">Over time</h2>
      <MetricsPanel gateway_id={gateway.id} share={name} />
    </>
  );
}

/** That its role lends no keys, while those of before are still good; then the share has a problem. */
function KeysNote({ keys }: { keys: ShareKeys | null }) {
  if (!keys?.error || !keys.good || keys.expires_at === null) return null;
  return (
    <Banner tone="warn" data-testid="share-keys-error">
      The keys of the bucket cannot be renewed; those it has are good until {formatTime(keys.expires_at)}.{' '}
      {keys.error.message}
    </Banner>
  );
}

function LostBytes({ paths }: { paths: string[] }) {
  if (paths.length === 0) return null;
  return (
    <Banner tone="bad" data-testid="share-lost">
      Bytes of these files are lost with the cache disk, and were not in the bucket: {lostText(paths)}. The events tell
      which bytes, and when.
    </Banner>
  );
}

function MountCommand({ share }: { share: Share }) {
  if (share.mount_command === null) {
    return <p className="note">The command appears as soon as the gateway has told its address.</p>;
  }
  return <CodeBlock text={share.mount_command} what="mount command" data-testid="mount-command" />;
}
