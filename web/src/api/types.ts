// The nouns of the HTTP API, as the console's OpenAPI document has them.
// Times are milliseconds since the epoch, sizes are bytes.

import type { components } from '../generated/api';

type Schemas = components['schemas'];

/**
 * What the console answers is whole: the document marks a field that may be null as one that may be
 * missing, but it is always there.
 */
type Answer<T> = T extends readonly (infer Item)[]
  ? Answer<Item>[]
  : T extends object
    ? { [Field in keyof T]-?: Answer<Exclude<T[Field], undefined>> }
    : T;

/** Anything in JSON; the document says `object` where the shape depends on a method. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

type WithJson<T, Field extends keyof T> = Omit<T, Field> & Record<Field, Json>;

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type Failure = Schemas['Failure'];
export type ErrorCode = Schemas['ErrorCode'];

export type Role = Schemas['Role'];
export type User = Answer<Schemas['User']>;
export type Me = Answer<Schemas['Me']>;

export type Rates = Schemas['Rates'];
export type Overview = Answer<Schemas['Overview']>;

export type Location = Schemas['Location'];
export type GatewayState = Schemas['GatewayState'];
export type Gateway = Answer<Schemas['Gateway']>;
export type Bundle = Answer<Schemas['Bundle']>;
export type NewGateway = Answer<Schemas['CreatedGateway']>;

export type Provider = Schemas['Provider'];
export type Squash = Schemas['Squash'];
export type Writers = Schemas['Writers'];
export type ConflictPolicy = Schemas['ConflictPolicy'];
export type WriteAccess = Schemas['WriteAccess'];
export type AccessRule = Schemas['AccessRule'];
export type ShareStatus = Answer<Schemas['ShareStatus']>;
export type ExpressStatus = ShareStatus['express'];
export type Share = Answer<Schemas['Share']>;
/** Without the secret. */
export type ShareSettings = Share['settings'];
export type ShareMode = ShareSettings['engine']['mode'];
export type ServerEncryption = ShareSettings['engine']['encryption'];
export type OssSignature = ShareSettings['bucket']['signature'];
export type BucketSettings = ShareSettings['bucket'];
export type AssumedRole = Answer<Schemas['AssumedRole']>;
export type ShareKeys = Answer<Schemas['ShareKeys']>;
/** What is sent to create or replace a share; an empty secret keeps the stored one. */
export type ShareDraft = Answer<Schemas['ShareSettings']>;
export type Check = Answer<Schemas['Check']>;

export type CommandState = Schemas['CommandState'];
export type Mark = keyof Schemas['Marks'];
export type Command = WithJson<Answer<Schemas['Command']>, 'params' | 'result'>;

export type AuditOutcome = Schemas['AuditOutcome'];
export type AuditEntry = WithJson<Answer<Schemas['AuditEntry']>, 'details'>;
export type ChainReport = Answer<Schemas['AuditCheck']>;

export type Severity = Schemas['Severity'];
export type GatewayEvent = Answer<Schemas['Event']>;

/** A time and a value; null where a line is to be interrupted. */
export type Point = [number, number | null];
export type Metrics = Omit<Answer<Schemas['History']>, 'series'> & { series: Partial<Record<string, Point[]>> };
