import { useCommands } from '../../api/commands';
import { Card } from '../../components/card';
import { Empty } from '../../components/empty';
import { Loading } from '../../components/loading';
import { OlderButton } from '../../components/older-button';
import { Problem } from '../../components/problem';
import { CommandTable } from '../commands/command-table';

export function CommandsTab({ gateway_id }: { gateway_id: string }) {
  const list = useCommands(gateway_id);
  return (
    <Card flush title="Commands of this gateway">
      {list.error && <Problem error={list.error} />}
      {list.items === undefined ? (
        !list.error && <Loading what="Reading the commands…" />
      ) : (
        <CommandTable
          commands={list.items}
          empty={
            <Empty icon="command" title="No command yet">
              Try “Pull status” above: it asks the gateway how it is, and shows how long the way there and back
              takes.
            </Empty>
          }
        />
      )}
      <OlderButton list={list} />
    </Card>
  );
}
