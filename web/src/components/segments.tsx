interface SegmentsProps<V extends string> {
  label: string;
  value: V;
  options: readonly (readonly [V, string])[];
  onChange: (value: V) => void;
  testid: string;
}

/** One of a few short words. */
export function Segments<V extends string>({ label, value, options, onChange, testid }: SegmentsProps<V>) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === value}
          onClick={() => onChange(option)}
          data-testid={`${testid}-${option}`}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
