import { useEffect, useState } from 'react';
import type { Check } from '../../api/types';
import { Icon } from '../../components/icon';

// In the order in which the console makes them.
const CHECKS: readonly (readonly [string, string])[] = [
  ['name', 'Name is free and well formed'],
  ['prefix', 'Prefix is well formed'],
  ['access', 'Access rules are well formed'],
  ['engine', 'Mode, bandwidth and uploads are possible'],
  ['cache', 'Cache disk has room'],
  ['overlap', 'No other share has this part of the bucket'],
  ['bucket', 'Bucket answers and takes the keys'],
];

// Made of some shares only.
const MORE: typeof CHECKS = [['role', 'Role lends keys']];

const STEP_MS = 140;

interface CheckListProps {
  /** Undefined while the console is at it. */
  checks: Check[] | undefined;
  onShown: () => void;
}

/** The checks, one by one; calls `onShown` when the last is there to be read. */
export function CheckList({ checks, onShown }: CheckListProps) {
  const [shown, setShown] = useState(0);
  const total = checks?.length ?? 0;
  useEffect(() => {
    if (total === 0) return;
    const timer = setTimeout(() => (shown < total ? setShown(shown + 1) : onShown()), STEP_MS);
    return () => clearTimeout(timer);
  }, [shown, total, onShown]);
  return (
    <ol className="checks" aria-live="polite" data-testid="share-checks">
      {rows(checks).map((row, index) => (
        <CheckRow key={row.name} {...row} check={index < shown ? row.check : undefined} />
      ))}
    </ol>
  );
}

interface Row {
  name: string;
  title: string;
  check: Check | undefined;
}

function rows(checks: Check[] | undefined): Row[] {
  if (checks === undefined) return CHECKS.map(([name, title]) => ({ name, title, check: undefined }));
  const titles = new Map([...CHECKS, ...MORE]);
  return checks.map((check) => ({ name: check.name, title: titles.get(check.name) ?? check.name, check }));
}

function CheckRow({ name, title, check }: Row) {
  const state = check === undefined ? 'waiting' : check.ok === null ? 'skipped' : check.ok ? 'passed' : 'failed';
  const words = { waiting: 'Checking…', skipped: 'Not checked', passed: 'Passed', failed: 'Failed' };
  const icons = { waiting: 'clock', skipped: 'alert', passed: 'check', failed: 'cross' } as const;
  return (
    <li className={`check check-${state}`} data-testid={`share-check-${name}`} data-state={state}>
      <span className="check-icon">
        <Icon name={icons[state]} size={15} />
      </span>
      <div>
        <strong>{title}</strong>
        {check !== undefined && check.message !== '' && <p className="note">{check.message}</p>}
      </div>
      <span className="check-word">{words[state]}</span>
    </li>
  );
}
