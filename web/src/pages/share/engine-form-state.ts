// What is typed of how a share's engine works, and how it becomes settings.

import type { ServerEncryption, ShareDraft, ShareMode, ShareSettings } from '../../api/types';
import { windowsOf, windowsText } from './line-windows';

export interface EngineForm {
  mode: ShareMode;
  ignore_delete: 'no' | 'yes';
  encryption: ServerEncryption['method'];
  encryption_key_id: string;
  upload_mib_s: string;
  download_mib_s: string;
  write_mib_s: string;
  read_mib_s: string;
  line_windows: string;
  utc_offset: string;
  rest_max_s: string;
  part_mib: string;
  requests_max: string;
  refresh_after_s: string;
}

const MIB = 1024 ** 2;
const LINE_BYTES_MIN = 16 * 1024;
const DAY_S = 24 * 60 * 60;

export const EMPTY_ENGINE_FORM: EngineForm = {
  mode: 'cache',
  ignore_delete: 'no',
  encryption: 'bucket_default',
  encryption_key_id: '',
  upload_mib_s: '0',
  download_mib_s: '0',
  write_mib_s: '0',
  read_mib_s: '0',
  line_windows: '',
  utc_offset: '+00:00',
  rest_max_s: '60',
  part_mib: '8',
  requests_max: '256',
  refresh_after_s: '0',
};

export function engineFormOf(engine: ShareSettings['engine']): EngineForm {
  const { mode, ignore_delete, encryption, bandwidth, uploads, refresh_after_s } = engine;
  return {
    mode,
    ignore_delete: ignore_delete ? 'yes' : 'no',
    encryption: encryption.method,
    encryption_key_id: encryption.method === 'key_service' ? (encryption.key_id ?? '') : '',
    upload_mib_s: mibText(bandwidth.limits.upload_bytes_per_s),
    download_mib_s: mibText(bandwidth.limits.download_bytes_per_s),
    write_mib_s: mibText(bandwidth.limits.write_bytes_per_s),
    read_mib_s: mibText(bandwidth.limits.read_bytes_per_s),
    line_windows: windowsText(bandwidth.windows),
    utc_offset: offsetText(bandwidth.utc_offset_minutes),
    rest_max_s: String(uploads.rest_max_ms / 1000),
    part_mib: String(uploads.part_bytes / MIB),
    requests_max: String(uploads.requests_max),
    refresh_after_s: String(refresh_after_s),
  };
}

export function engineOf(form: EngineForm): ShareDraft['engine'] {
  const key_id = form.encryption_key_id.trim();
  return {
    mode: form.mode,
    ignore_delete: form.ignore_delete === 'yes',
    encryption:
      form.encryption === 'key_service'
        ? { method: 'key_service', key_id: key_id === '' ? null : key_id }
        : { method: form.encryption },
    bandwidth: {
      limits: {
        upload_bytes_per_s: Math.round(Number(form.upload_mib_s) * MIB),
        download_bytes_per_s: Math.round(Number(form.download_mib_s) * MIB),
        write_bytes_per_s: Math.round(Number(form.write_mib_s) * MIB),
        read_bytes_per_s: Math.round(Number(form.read_mib_s) * MIB),
      },
      windows: windowsOf(form.line_windows) ?? [],
      utc_offset_minutes: offsetOf(form.utc_offset) ?? 0,
    },
    uploads: {
      rest_max_ms: Math.round(Number(form.rest_max_s) * 1000),
      part_bytes: Number(form.part_mib) * MIB,
      requests_max: Number(form.requests_max),
    },
    refresh_after_s: Number(form.refresh_after_s),
  };
}

export function engineErrors(form: EngineForm): Partial<Record<keyof EngineForm, string>> {
  const errors: Partial<Record<keyof EngineForm, string>> = {};
  for (const field of ['upload_mib_s', 'download_mib_s', 'write_mib_s', 'read_mib_s'] as const) {
    if (!isLimit(form[field])) errors[field] = 'Enter MiB a second, 0.016 or more; 0 means no bound.';
  }
  if (windowsOf(form.line_windows) === undefined) {
    errors.line_windows = 'Write mon-fri 08:00-18:00 up 1 down 2; more windows after a semicolon.';
  }
  if (offsetOf(form.utc_offset) === undefined) errors.utc_offset = 'Write +08:00 or -03:30.';
  if (!isWithin(form.part_mib, 5, 64) || !/^\d+$/.test(form.part_mib.trim())) errors.part_mib = 'Enter whole MiB, 5 to 64.';
  if (!isWithin(form.requests_max, 1, 1024) || !/^\d+$/.test(form.requests_max.trim())) {
    errors.requests_max = 'Enter a whole number, 1 to 1024.';
  }
  if (!isWithin(form.rest_max_s, 0, DAY_S)) errors.rest_max_s = 'Enter seconds, at most a day.';
  if (!isWithin(form.refresh_after_s, 0, DAY_S) || !/^\d+$/.test(form.refresh_after_s.trim())) {
    errors.refresh_after_s = 'Enter whole seconds, at most a day; 0 means never.';
  }
  return errors;
}

/** Exact, so that an edit that does not touch it changes nothing. */
function mibText(bytes: number | undefined): string {
  return String((bytes ?? 0) / MIB);
}

function offsetText(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function offsetOf(text: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d\d):([0-5]\d)$/.exec(text.trim()) ?? [];
  if (hours === undefined || minutes === undefined) return undefined;
  const size = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? -size : size;
}

function isLimit(text: string): boolean {
  const limit = Number(text);
  return text.trim() !== '' && (limit === 0 || limit * MIB >= LINE_BYTES_MIN);
}

function isWithin(text: string, min: number, max: number): boolean {
  return text.trim() !== '' && Number(text) >= min && Number(text) <= max;
}
