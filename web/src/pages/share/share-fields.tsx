import type { ConflictPolicy, OssSignature, Provider, Squash, Writers } from '../../api/types';
import { Card } from '../../components/card';
import { SelectField, TextField } from '../../components/field';
import { AccessRules } from './access-rules';
import { EngineFields } from './engine-fields';
import { KeyFields } from './key-fields';
import { NumberField } from './number-field';
import type { ClientEncryptionChoice, FormErrors, ShareForm } from './share-form-state';

const PROVIDERS: [Provider, string][] = [
  ['s3', 'Amazon S3, or anything that speaks it'],
  ['oss', 'Alibaba Cloud OSS'],
  ['directory', 'Directory of the gateway'],
];

const SQUASH: [Squash, string][] = [
  ['root', 'root becomes nobody'],
  ['all', 'everybody becomes nobody'],
  ['none', 'users are who they say'],
];

const WRITERS: [Writers, string][] = [
  ['one', 'one gateway at a time'],
  ['many', 'several gateways'],
  ['none', 'none: read only'],
];

const EXPRESS_SYNC: ['on' | 'off', string][] = [
  ['on', 'on'],
  ['off', 'off'],
];

const CONFLICTS: [ConflictPolicy, string][] = [
  ['keep_both', 'keep both; ours moves to .conflicts/'],
  ['bucket_wins', 'the bucket wins; our change is dropped'],
  ['gateway_wins', 'the gateway wins; the object is overwritten'],
];

const CLIENT_ENCRYPTION: [ClientEncryptionChoice, string][] = [
  ['none', 'no: objects are ordinary ones'],
  ['new_key', 'yes, with a new key'],
  ['key_of_share', 'yes, with the key of another share'],
  ['own_key', 'yes, with a key of your own'],
];

const SIGNATURES: [OssSignature, string][] = [
  ['v4', 'version 4'],
  ['v1', 'version 1, for old endpoints'],
];

interface ShareFieldsProps {
  form: ShareForm;
  errors: FormErrors;
  editing: boolean;
  onChange: (change: Partial<ShareForm>) => void;
}

export function ShareFields(props: ShareFieldsProps) {
  return (
    <>
      <BucketFields {...props} />
      <ServingFields {...props} />
      <UploadFields {...props} />
      <EngineFields {...props} />
    </>
  );
}

function BucketFields({ form, errors, editing, onChange }: ShareFieldsProps) {
  const isDirectory = form.provider === 'directory';
  return (
    <Card title="Name and bucket" note="Where the files live, as ordinary objects.">
      <div className="form form-columns">
        <TextField
          label="Share name"
          hint={`Clients mount it as /${form.name === '' ? 'name' : form.name}.`}
          error={errors.name}
          value={form.name}
          onChange={(name) => onChange({ name })}
          disabled={editing}
          maxLength={32}
          spellCheck={false}
          data-testid="share-name"
        />
        <SelectField
          label="Object store"
          value={form.provider}
          options={PROVIDERS}
          onChange={(provider) => onChange({ provider })}
          data-testid="share-provider"
        />
        {form.provider === 'oss' && (
          <SelectField
            label="Signature"
            value={form.signature}
            options={SIGNATURES}
            onChange={(signature) => onChange({ signature })}
            data-testid="share-signature"
          />
        )}
        <TextField
          label="Endpoint"
          hint={
            isDirectory
              ? 'Local or mounted; “mkdir .causeway” in it allows the gateway to use it.'
              : 'As the gateway reaches it.'
          }
          error={errors.endpoint}
          value={form.endpoint}
          placeholder={isDirectory ? 'file:///srv/data' : 'https://s3.eu-central-1.amazonaws.com'}
          onChange={(endpoint) => onChange({ endpoint })}
          spellCheck={false}
          data-testid="share-endpoint"
        />
        {!isDirectory && (
          <TextField
            label="Region"
            value={form.region}
            onChange={(region) => onChange({ region })}
            spellCheck={false}
            data-testid="share-region"
          />
        )}
        <TextField
          label="Bucket"
          error={errors.bucket}
          value={form.bucket}
          onChange={(bucket) => onChange({ bucket })}
          spellCheck={false}
          data-testid="share-bucket"
        />
        <TextField
          label="Prefix"
          hint="Empty for the whole bucket, else a part such as projects/."
          value={form.prefix}
          onChange={(prefix) => onChange({ prefix })}
          spellCheck={false}
          data-testid="share-prefix"
        />
        {!isDirectory && <KeyFields form={form} errors={errors} editing={editing} onChange={onChange} />}
        {!editing && <EncryptionFields form={form} errors={errors} editing={editing} onChange={onChange} />}
      </div>
    </Card>
  );
}

function EncryptionFields({ form, errors, onChange }: ShareFieldsProps) {
  return (
    <>
      <SelectField
        label="Gateway encrypts"
        hint="Then the bucket knows names and lengths, and no content. It cannot be changed later."
        value={form.client_encryption}
        options={CLIENT_ENCRYPTION}
        onChange={(client_encryption) => onChange({ client_encryption })}
        data-testid="share-client-encryption"
      />
      {form.client_encryption === 'key_of_share' && (
        <TextField
          label="Id of its key"
          hint="As that share shows it."
          error={errors.client_key_id}
          value={form.client_key_id}
          onChange={(client_key_id) => onChange({ client_key_id })}
          spellCheck={false}
          data-testid="share-client-key-id"
        />
      )}
      {form.client_encryption === 'own_key' && (
        <TextField
          label="Key"
          hint="64 hexadecimal digits, such as “openssl rand -hex 32” gives."
          error={errors.client_key}
          type="password"
          value={form.client_key}
          onChange={(client_key) => onChange({ client_key })}
          autoComplete="off"
          data-testid="share-client-key"
        />
      )}
    </>
  );
}

function ServingFields({ form, onChange }: ShareFieldsProps) {
  return (
    <Card title="Access" note="Who may mount it over NFS, and with which rights.">
      <div className="form form-columns">
        <AccessRules rules={form.access} onChange={(access) => onChange({ access })} />
        <SelectField
          label="Users"
          hint="Whose rights the users of a client get."
          value={form.squash}
          options={SQUASH}
          onChange={(squash) => onChange({ squash })}
          data-testid="share-squash"
        />
      </div>
    </Card>
  );
}

function UploadFields(props: ShareFieldsProps) {
  const { form, onChange } = props;
  return (
    <Card title="Cache and upload">
      <div className="form form-columns form-columns-3">
        <NumberField
          of={props}
          name="cache_gib"
          label="Room on the cache disk"
          hint="Data used lately stays there."
          suffix="GiB"
          data-testid="share-cache"
        />
        <NumberField
          of={props}
          name="upload_delay_s"
          label="Upload delay"
          hint="How long a file rests after its last write."
          suffix="s"
          data-testid="share-upload-delay"
        />
        <NumberField
          of={props}
          name="rescan_interval_s"
          label="Look for changes in the bucket"
          hint="Made by others; 0 means never."
          suffix="s"
          inputMode="numeric"
          data-testid="share-rescan"
        />
        <SelectField
          label="Express sync"
          hint="Gateways over the same objects tell each other at once what they changed."
          value={form.express_sync}
          options={EXPRESS_SYNC}
          onChange={(express_sync) => onChange({ express_sync })}
          data-testid="share-express-sync"
        />
        <SelectField
          label="Gateways that write here"
          hint="With one, others that share this part of the bucket only read."
          value={form.writers}
          options={WRITERS}
          onChange={(writers) => onChange({ writers })}
          data-testid="share-writers"
        />
        <SelectField
          label="A file changed on both sides"
          value={form.conflicts}
          options={CONFLICTS}
          onChange={(conflicts) => onChange({ conflicts })}
          data-testid="share-conflicts"
        />
      </div>
    </Card>
  );
}
