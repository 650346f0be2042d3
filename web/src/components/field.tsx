import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes } from 'react';

interface FieldFrame {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
}

interface FrameProps extends FieldFrame {
  id: string;
  children: ReactNode;
}

function Frame({ label, hint, error, id, children }: FrameProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      {error !== undefined ? (
        <p className="field-error" id={`${id}-hint`} role="alert">
          {error}
        </p>
      ) : (
        hint !== undefined && (
          <p className="note" id={`${id}-hint`}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}

type Typed = Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'>;

export interface TextFieldProps extends FieldFrame, Typed {
  suffix?: string;
  onChange: (value: string) => void;
}

export function TextField({ label, hint, error, suffix, onChange, ...input }: TextFieldProps) {
  const id = useId();
  return (
    <Frame label={label} hint={hint} error={error} id={id}>
      <span className="input">
        <input
          {...input}
          id={id}
          aria-invalid={error !== undefined}
          aria-describedby={`${id}-hint`}
          onChange={(event) => onChange(event.target.value)}
        />
        {suffix !== undefined && <span className="input-suffix">{suffix}</span>}
      </span>
    </Frame>
  );
}

type Chosen = Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange'>;

export interface SelectFieldProps<V extends string> extends FieldFrame, Chosen {
  value: V;
  options: readonly (readonly [V, string])[];
  onChange: (value: V) => void;
}

export function SelectField<V extends string>(props: SelectFieldProps<V>) {
  const { label, hint, error, options, onChange, ...select } = props;
  const id = useId();
  return (
    <Frame label={label} hint={hint} error={error} id={id}>
      <select
        {...select}
        id={id}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.value as V)}
      >
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </Frame>
  );
}
