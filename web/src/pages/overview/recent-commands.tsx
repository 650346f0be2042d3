import { Link } from 'react-router';
import { useCommands } from '../../api/commands';
import { useGatewayNames } from '../../api/gateways';
import { Age } from '../../components/age';
import { Card } from '../../components/card';
import { CommandPill } from '../../components/state-pills';
import { paramsText } from '../commands/command-marks';

const SHOWN_MAX = 6;

export function RecentCommands() {
  const { items } = useCommands();
  const nameOf = useGatewayNames();
  return (
    <Card flush title="Latest commands" actions={<Link to="/commands">All commands</Link>}>
      {items?.length === 0 && <p className="note card-note">None yet. Issue one from a gateway’s page.</p>}
      <div className="table-scroll">
        <table aria-label="Latest commands">
          <tbody>
            {items?.slice(0, SHOWN_MAX).map((command) => (
              <tr key={command.id}>
                <td>
                  <span className="mono strong">{command.method}</span>
                  <span className="cell-note mono">{paramsText(command.params)}</span>
                </td>
                <td>
                  <Link to={`/gateways/${command.gateway_id}`}>{nameOf(command.gateway_id)}</Link>
                </td>
                <td className="nowrap">
                  <Age at={command.issued_at} />
                </td>
                <td>
                  <CommandPill state={command.state} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
