import { useState } from 'react';
import { Link } from 'react-router';
import { useCreateGateway, useGateway } from '../../api/gateways';
import type { Location, NewGateway } from '../../api/types';
import { Button } from '../../components/button';
import { Card } from '../../components/card';
import { Choice } from '../../components/choice';
import { TextField } from '../../components/field';
import { LinkButton } from '../../components/link-button';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { JoinPanel } from './join-panel';

const LOCATIONS = [
  {
    value: 'on-premises',
    title: 'On premises',
    note: 'A machine in your own building, behind your own router.',
  },
  { value: 'cloud', title: 'Cloud', note: 'A machine in a private cloud network.' },
] as const;

export function AddGatewayPage() {
  const [made, setMade] = useState<NewGateway | null>(null);
  return (
    <>
      <PageHead
        title={made === null ? 'Add gateway' : `Activate ${made.gateway.name}`}
        trail={[['Gateways', '/gateways']]}
        actions={made && <NextActions id={made.gateway.id} />}
      />
      {made === null ? (
        <NameForm onMade={setMade} />
      ) : (
        <Card data-testid="gateway-created">
          <JoinPanel gateway_id={made.gateway.id} bundle={made} />
        </Card>
      )}
    </>
  );
}

function NameForm({ onMade }: { onMade: (made: NewGateway) => void }) {
  const [name, setName] = useState('');
  const [location, setLocation] = useState<Location>('on-premises');
  const create = useCreateGateway();
  return (
    <Card>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate({ name: name.trim(), location }, { onSuccess: onMade });
        }}
      >
        {create.error && <Problem error={create.error} />}
        <TextField
          label="Name"
          hint="What people call it: the site, the building, the department. It can be changed later."
          value={name}
          onChange={setName}
          maxLength={64}
          required
          autoFocus
          data-testid="gateway-name-input"
        />
        <Choice
          label="Where it runs"
          value={location}
          options={LOCATIONS}
          onChange={setLocation}
          testid="gateway-location"
        />
        <div className="row">
          <Button
            kind="primary"
            type="submit"
            disabled={name.trim() === ''}
            busy={create.isPending && 'Making the bundle…'}
            data-testid="gateway-create"
          >
            Make activation bundle
          </Button>
          <Link to="/gateways" className="button button-quiet" data-testid="gateway-create-cancel">
            Cancel
          </Link>
        </div>
      </form>
    </Card>
  );
}

function NextActions({ id }: { id: string }) {
  const { data: gateway } = useGateway(id);
  const activated = gateway?.activated_at != null;
  return (
    <>
      <LinkButton to={`/gateways/${id}`} data-testid="open-gateway">
        Open the gateway
      </LinkButton>
      {activated && (
        <LinkButton to={`/gateways/${id}/shares/new`} kind="primary" icon="plus" data-testid="first-share">
          Create its first share
        </LinkButton>
      )}
    </>
  );
}
