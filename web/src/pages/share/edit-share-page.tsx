import { useParams } from 'react-router';
import { useGateway } from '../../api/gateways';
import { useShare } from '../../api/shares';
import { Loading } from '../../components/loading';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { ShareEditor } from './share-editor';

export function EditSharePage() {
  const { id = '', name = '' } = useParams();
  const { data: gateway } = useGateway(id);
  const { data: share, error } = useShare(id, name);
  return (
    <>
      <PageHead
        title={`Edit ${name}`}
        trail={[
          ['Gateways', '/gateways'],
          [gateway?.name ?? id, `/gateways/${id}`],
          [name, `/gateways/${id}/shares/${name}`],
        ]}
      />
      {share ? (
        <ShareEditor gateway_id={id} settings={share.settings} />
      ) : error ? (
        <Problem error={error} />
      ) : (
        <Loading what="Reading the share…" />
      )}
    </>
  );
}
