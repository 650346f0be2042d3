import { useCallback, useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useCheckShare, useStoreShare } from '../../api/shares';
import type { ShareDraft, ShareSettings } from '../../api/types';
import { Button } from '../../components/button';
import { Problem } from '../../components/problem';
import { useNotify } from '../../notices/notice';
import { CheckDialog } from './check-dialog';
import { ShareFields } from './share-fields';
import { draftOf, EMPTY_FORM, formErrors, formOf, type ShareForm } from './share-form-state';

interface ShareEditorProps {
  gateway_id: string;
  /** What an edit begins with; a new share without it. */
  settings?: ShareSettings;
}

/** Create or edit: fields, then checks, then sent. */
export function ShareEditor({ gateway_id, settings }: ShareEditorProps) {
  const editing = settings !== undefined;
  const [form, setForm] = useState<ShareForm>(editing ? formOf(settings) : EMPTY_FORM);
  const [attempts, setAttempts] = useState(0);
  const box = useRef<HTMLFormElement>(null);
  const [draft, setDraft] = useState<ShareDraft | null>(null);
  const check = useCheckShare(gateway_id, settings?.name);
  const store = useStoreShare(gateway_id, settings?.name);
  const { mutate } = store;
  const navigate = useNavigate();
  const notify = useNotify();
  const errors = attempts > 0 ? formErrors(form, editing) : {};

  // Leads to the first field that needs another look.
  useEffect(() => {
    if (attempts > 0) box.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [attempts]);

  const begin = () => {
    setAttempts((known) => known + 1);
    if (Object.keys(formErrors(form, editing)).length > 0) return;
    const next = draftOf(form, settings);
    setDraft(next);
    check.mutate(next);
  };
  const send = useCallback(
    (sent: ShareDraft) =>
      mutate(sent, {
        onSuccess: () => {
          notify({ kind: 'done', text: `Share ${sent.name} was ${editing ? 'changed' : 'created'}.` });
          void navigate(`/gateways/${gateway_id}/shares/${sent.name}`);
        },
      }),
    [mutate, notify, navigate, gateway_id, editing],
  );

  return (
    <form
      ref={box}
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        begin();
      }}
    >
      <ShareFields
        form={form}
        errors={errors}
        editing={editing}
        onChange={(change) => setForm((known) => ({ ...known, ...change }))}
      />
      {Object.keys(errors).length > 0 && (
        <Problem error={new Error('Some fields need another look; see the words next to them.')} />
      )}
      <div className="row">
        <Button kind="primary" type="submit" data-testid="share-submit">
          {editing ? 'Check and save' : 'Check and create'}
        </Button>
        <Button kind="quiet" onClick={() => void navigate(-1)} data-testid="share-cancel">
          Cancel
        </Button>
      </div>
      {draft && (
        <CheckDialog
          verb={editing ? 'Save' : 'Create'}
          checks={check.data?.checks}
          error={check.error ?? store.error}
          sending={store.isPending}
          onSend={() => send(draft)}
          onClose={() => {
            setDraft(null);
            store.reset();
          }}
        />
      )}
    </form>
  );
}
