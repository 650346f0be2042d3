import type { AccessRule, WriteAccess } from '../../api/types';
import { Button } from '../../components/button';

interface AccessRulesProps {
  rules: AccessRule[];
  onChange: (rules: AccessRule[]) => void;
}

/** Which clients may do what; the first rule that fits decides. */
export function AccessRules({ rules, onChange }: AccessRulesProps) {
  const change = (index: number, rule: AccessRule) => onChange(rules.with(index, rule));
  return (
    <fieldset className="field">
      <legend>Clients</legend>
      {rules.length === 0 && <p className="note">Nobody can reach the share until there is a rule.</p>}
      {rules.map((rule, index) => (
        <div className="rule" key={index}>
          <span className="input">
            <input
              value={rule.cidr}
              placeholder="10.0.0.0/8"
              aria-label={`Network of rule ${index + 1}`}
              spellCheck={false}
              onChange={(event) => change(index, { ...rule, cidr: event.target.value })}
              data-testid={`share-access-cidr-${index}`}
            />
          </span>
          <select
            value={rule.access}
            aria-label={`Right of rule ${index + 1}`}
            onChange={(event) => change(index, { ...rule, access: event.target.value as WriteAccess })}
            data-testid={`share-access-right-${index}`}
          >
            <option value="read_write">Read and write</option>
            <option value="read_only">Read only</option>
          </select>
          <Button
            kind="quiet"
            icon="trash"
            aria-label={`Remove rule ${index + 1}`}
            onClick={() => onChange(rules.toSpliced(index, 1))}
            data-testid={`share-access-remove-${index}`}
          />
        </div>
      ))}
      <div>
        <Button
          small
          icon="plus"
          onClick={() => onChange([...rules, { cidr: '', access: 'read_write' }])}
          data-testid="share-access-add"
        >
          Add rule
        </Button>
      </div>
      <p className="note">
        A network such as 10.0.0.0/8 or one address. The first rule that fits a client decides; who fits none is
        refused.
      </p>
    </fieldset>
  );
}
