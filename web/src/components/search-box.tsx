import { Icon } from './icon';

interface SearchBoxProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  'data-testid': string;
}

export function SearchBox({ label, value, onChange, ...rest }: SearchBoxProps) {
  return (
    <span className="search">
      <Icon name="search" size={16} />
      <input
        type="search"
        value={value}
        placeholder={label}
        aria-label={label}
        onChange={(event) => onChange(event.target.value)}
        data-testid={rest['data-testid']}
      />
    </span>
  );
}
