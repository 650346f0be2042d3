// How a share's engine works: modes, bandwidth, uploads.

import type { ServerEncryption, ShareMode } from '../../api/types';
import { Card } from '../../components/card';
import { SelectField, TextField } from '../../components/field';
import type { EngineForm } from './engine-form-state';
import { NumberField } from './number-field';

const MODES: [ShareMode, string][] = [
  ['cache', 'cache: changes go to the bucket behind the writer'],
  ['replication', 'replication: all files are here, too'],
  ['write_through', 'write-through: a commit waits for the bucket'],
];

const IGNORE_DELETE: ['no' | 'yes', string][] = [
  ['no', 'deletes its object'],
  ['yes', 'leaves its object in the bucket'],
];

const ENCRYPTION: [ServerEncryption['method'], string][] = [
  ['bucket_default', 'as the bucket says'],
  ['store_keys', 'with keys of the store'],
  ['key_service', 'with a key of the key service'],
];

interface EngineFieldsProps {
  form: EngineForm;
  errors: Partial<Record<keyof EngineForm, string>>;
  onChange: (change: Partial<EngineForm>) => void;
}

export function EngineFields(props: EngineFieldsProps) {
  return (
    <>
      <ModeFields {...props} />
      <LineFields {...props} />
    </>
  );
}

function ModeFields(props: EngineFieldsProps) {
  const { form, onChange } = props;
  return (
    <Card title="Mode" note="What is kept where, and when a write is safe.">
      <div className="form form-columns">
        <SelectField
          label="Mode"
          value={form.mode}
          options={MODES}
          onChange={(mode) => onChange({ mode })}
          data-testid="share-mode"
        />
        <SelectField
          label="Deleting a file"
          value={form.ignore_delete}
          options={IGNORE_DELETE}
          onChange={(ignore_delete) => onChange({ ignore_delete })}
          data-testid="share-ignore-delete"
        />
        <SelectField
          label="Store encrypts"
          value={form.encryption}
          options={ENCRYPTION}
          onChange={(encryption) => onChange({ encryption })}
          data-testid="share-encryption"
        />
        <NumberField
          of={props}
          name="refresh_after_s"
          label="Look at opened directories"
          hint="In the bucket, if that was not done for so long; 0 is never."
          suffix="s"
          inputMode="numeric"
          data-testid="share-refresh-after"
        />
        {form.encryption === 'key_service' && (
          <TextField
            label="Id of the key"
            hint="Empty for the account's own."
            value={form.encryption_key_id}
            onChange={(encryption_key_id) => onChange({ encryption_key_id })}
            spellCheck={false}
            data-testid="share-encryption-key"
          />
        )}
      </div>
    </Card>
  );
}

function LineFields(props: EngineFieldsProps) {
  const { form, errors, onChange } = props;
  return (
    <Card title="Bandwidth" note="What this share may use of the line to the bucket, and its clients; 0 is no bound.">
      <div className="form form-columns">
        <NumberField
          of={props}
          name="upload_mib_s"
          label="To the bucket"
          suffix="MiB/s"
          data-testid="share-upload-limit"
        />
        <NumberField
          of={props}
          name="download_mib_s"
          label="From the bucket"
          suffix="MiB/s"
          data-testid="share-download-limit"
        />
        <NumberField
          of={props}
          name="write_mib_s"
          label="Clients write"
          hint="All of them together."
          suffix="MiB/s"
          data-testid="share-write-limit"
        />
        <NumberField
          of={props}
          name="read_mib_s"
          label="Clients read"
          hint="All of them together."
          suffix="MiB/s"
          data-testid="share-read-limit"
        />
        <TextField
          label="Times with other limits"
          hint="Such as mon-fri 08:00-18:00 up 1 down 2 read 5; the first that holds decides."
          error={errors.line_windows}
          value={form.line_windows}
          onChange={(line_windows) => onChange({ line_windows })}
          spellCheck={false}
          data-testid="share-line-windows"
        />
        <TextField
          label="Ahead of UTC"
          error={errors.utc_offset}
          value={form.utc_offset}
          onChange={(utc_offset) => onChange({ utc_offset })}
          data-testid="share-utc-offset"
        />
        <NumberField
          of={props}
          name="rest_max_s"
          label="Longest rest"
          hint="A file that is written all the time goes this long after its first change."
          suffix="s"
          data-testid="share-rest-max"
        />
        <NumberField
          of={props}
          name="part_mib"
          label="Length of a part"
          hint="Larger files go in parts."
          suffix="MiB"
          inputMode="numeric"
          data-testid="share-part-size"
        />
        <NumberField
          of={props}
          name="requests_max"
          label="Requests at a time"
          hint="At most; how many there are, the object store decides."
          inputMode="numeric"
          data-testid="share-requests-max"
        />
      </div>
    </Card>
  );
}
