import { Button } from './button';

interface OlderButtonProps {
  list: { hasOlder: boolean; loadingOlder: boolean; loadOlder: () => void };
}

export function OlderButton({ list }: OlderButtonProps) {
  if (!list.hasOlder) return null;
  return (
    <div className="older">
      <Button busy={list.loadingOlder && 'Loading older…'} onClick={list.loadOlder} data-testid="load-older">
        Load older
      </Button>
    </div>
  );
}
