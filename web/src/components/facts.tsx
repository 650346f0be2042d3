import type { ReactNode } from 'react';

export interface Fact {
  name: string;
  value: ReactNode;
  testid?: string;
}

/** Names and values, side by side. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className="facts">
      {facts.map(({ name, value, testid }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-testid={testid}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
