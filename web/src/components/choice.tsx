import { useId } from 'react';

interface ChoiceProps<V extends string> {
  label: string;
  value: V;
  options: readonly { value: V; title: string; note: string }[];
  onChange: (value: V) => void;
  testid: string;
}

/** A few alternatives with a sentence each. */
export function Choice<V extends string>({ label, value, options, onChange, testid }: ChoiceProps<V>) {
  const name = useId();
  return (
    <fieldset className="choice">
      <legend>{label}</legend>
      <div className="choice-options">
        {options.map((option) => (
          <label key={option.value} className="choice-option">
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
              data-testid={`${testid}-${option.value}`}
            />
            <span>
              <strong>{option.title}</strong>
              <span className="note">{option.note}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
