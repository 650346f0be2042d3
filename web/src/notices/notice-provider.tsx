import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { Button } from '../components/button';
import { Icon } from '../components/icon';
import { CommandNotice } from './command-notice';
import { NoticeContext, type Notice } from './notice';

interface Shown {
  key: number;
  notice: Notice;
}

const SHOWN_MAX = 4;
const DONE_SHOWN_MS = 5_000;

export function NoticeProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const lastKey = useRef(0);
  const notify = useCallback((notice: Notice) => {
    lastKey.current += 1;
    const key = lastKey.current;
    setShown((known) => [...known, { key, notice }].slice(-SHOWN_MAX));
  }, []);
  const dismiss = useCallback((key: number) => {
    setShown((known) => known.filter((item) => item.key !== key));
  }, []);
  return (
    <NoticeContext value={notify}>
      {children}
      <div className="notices" role="region" aria-label="Notices" aria-live="polite">
        {shown.map(({ key, notice }) => (
          <NoticeBox key={key} notice={notice} dismiss={() => dismiss(key)} />
        ))}
      </div>
    </NoticeContext>
  );
}

function NoticeBox({ notice, dismiss }: { notice: Notice; dismiss: () => void }) {
  const latest = useRef(dismiss);
  useEffect(() => {
    latest.current = dismiss;
  });
  useEffect(() => {
    if (notice.kind !== 'done') return;
    const timer = setTimeout(() => latest.current(), DONE_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <div className={`notice notice-is-${notice.kind}`} data-testid={`notice-${notice.kind}`}>
      <NoticeText notice={notice} dismiss={dismiss} />
      <Button
        kind="quiet"
        small
        icon="cross"
        aria-label="Dismiss"
        onClick={dismiss}
        data-testid="notice-dismiss"
      />
    </div>
  );
}

function NoticeText({ notice, dismiss }: { notice: Notice; dismiss: () => void }) {
  switch (notice.kind) {
    case 'done':
      return (
        <>
          <Icon name="check" />
          <p>{notice.text}</p>
        </>
      );
    case 'problem':
      return (
        <>
          <Icon name="alert" />
          <p role="alert">{notice.error.message}</p>
        </>
      );
    case 'command':
      return <CommandNotice id={notice.id} onSettled={dismiss} />;
  }
}
