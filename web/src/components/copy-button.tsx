import { useEffect, useState } from 'react';
import { Button } from './button';

const SHOWN_MS = 2_000;

interface CopyButtonProps {
  text: string;
  /** What is copied, for screen readers: "mount command". */
  what: string;
  kind?: 'plain' | 'primary' | 'quiet';
  compact?: boolean;
  'data-testid'?: string;
}

export function CopyButton({ text, what, kind = 'quiet', compact, ...rest }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<'copied' | 'refused' | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => setOutcome(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const label = { copied: 'Copied', refused: 'Select and copy by hand' };
  return (
    <Button
      kind={kind}
      small
      icon={outcome === 'copied' ? 'check' : 'copy'}
      aria-label={`Copy the ${what}`}
      data-testid={rest['data-testid']}
      onClick={() => void copy(text).then((done) => setOutcome(done ? 'copied' : 'refused'))}
    >
      {outcome === null ? (compact ? undefined : 'Copy') : label[outcome]}
      <span className="visually-hidden" role="status">
        {outcome === null ? '' : label[outcome]}
      </span>
    </Button>
  );
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** `navigator.clipboard` exists on secure origins only; consoles often have no HTTPS. */
function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  // Inside an open dialog, for what is outside of it cannot have the focus.
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
