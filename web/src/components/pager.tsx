import { Button } from './button';

interface PagerProps {
  page: number;
  pages: number;
  onPage: (page: number) => void;
}

export function Pager({ page, pages, onPage }: PagerProps) {
  return (
    <nav className="pager" aria-label="Pages of the table">
      <Button small disabled={page === 0} onClick={() => onPage(page - 1)} data-testid="pager-previous">
        Previous
      </Button>
      <span className="note">
        Page {page + 1} of {pages}
      </span>
      <Button small disabled={page + 1 >= pages} onClick={() => onPage(page + 1)} data-testid="pager-next">
        Next
      </Button>
    </nav>
  );
}
