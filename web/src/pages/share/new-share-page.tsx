import { useParams } from 'react-router';
import { useGateway } from '../../api/gateways';
import { PageHead } from '../../components/page-head';
import { ShareEditor } from './share-editor';

export function NewSharePage() {
  const { id = '' } = useParams();
  const { data: gateway } = useGateway(id);
  return (
    <>
      <PageHead
        title="Create share"
        trail={[
          ['Gateways', '/gateways'],
          [gateway?.name ?? id, `/gateways/${id}`],
        ]}
        note="Checked first, then sent to the gateway; it is served as soon as the gateway has it."
      />
      <ShareEditor gateway_id={id} />
    </>
  );
}
