import { Empty } from '../components/empty';
import { LinkButton } from '../components/link-button';
import { useTitle } from '../hooks/use-title';

export function NotFoundPage() {
  useTitle('Not found');
  return (
    <Empty
      icon="search"
      title="There is no such page"
      action={
        <LinkButton to="/" kind="primary" data-testid="go-overview">
          Go to the overview
        </LinkButton>
      }
    >
      The address may be mistyped, or what it showed was deleted.
    </Empty>
  );
}
