// A field of a share's form that holds a number, as it is typed.

import { TextField, type TextFieldProps } from '../../components/field';

/** The form that has a field of that name. */
export interface FormWith<Name extends string> {
  form: Record<Name, string>;
  errors: Partial<Record<Name, string>>;
  onChange: (change: Record<Name, string>) => void;
}

interface NumberFieldProps<Name extends string> extends Omit<
  TextFieldProps,
  'name' | 'value' | 'error' | 'onChange'
> {
  of: FormWith<Name>;
  name: Name;
}

export function NumberField<Name extends string>({ of, name, ...field }: NumberFieldProps<Name>) {
  return (
    <TextField
      inputMode="decimal"
      {...field}
      error={of.errors[name]}
      value={of.form[name]}
      onChange={(value) => of.onChange({ [name]: value } as Record<Name, string>)}
    />
  );
}
