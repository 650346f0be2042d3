import type { RowData } from '@tanstack/react-table';

declare module '@tanstack/react-table' {
  // The names of the type parameters have to be those of the library.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    /** Numbers stand at the right. */
    numeric?: boolean;
  }
}
