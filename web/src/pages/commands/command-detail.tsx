import type { Command } from '../../api/types';
import { Facts, type Fact } from '../../components/facts';
import { JsonView } from '../../components/json-view';
import { formatTime } from '../../format/time';

/** Everything about one command. */
export function CommandDetail({ command }: { command: Command }) {
  return (
    <div className="detail">
      <Facts facts={facts(command)} />
      <div className="detail-json">
        <h4>Parameters</h4>
        <JsonView value={command.params} />
        {command.result !== null && (
          <>
            <h4>Result</h4>
            <JsonView value={command.result} data-testid="command-result" />
          </>
        )}
      </div>
    </div>
  );
}

function facts(command: Command): Fact[] {
  const mono = (text: string) => <span className="mono">{text}</span>;
  return [
    { name: 'Command', value: mono(command.id) },
    { name: 'Key', value: mono(command.idempotency_key) },
    { name: 'Generation', value: command.generation },
    { name: 'Issued', value: `${formatTime(command.issued_at)} by ${command.issued_by}` },
    { name: 'Deadline', value: formatTime(command.deadline) },
    ...(command.reissue_of === null ? [] : [{ name: 'Reissue of', value: mono(command.reissue_of) }]),
    ...(command.reissued_as === null ? [] : [{ name: 'Reissued as', value: mono(command.reissued_as) }]),
  ];
}
