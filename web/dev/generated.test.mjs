// The types of the API that the pages are checked against are those of the document checked in.

import { readFileSync } from 'node:fs';
import openapiTypescript, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import { expect, test } from 'vitest';

/** Enough for a slow machine. */
const TIME_MS = 120_000;

test('the generated types are those of docs/openapi.json; else run `npm run generate`', async () => {
  const document = new URL('../../docs/openapi.json', import.meta.url);
  const written = readFileSync(new URL('../src/generated/api.ts', import.meta.url), 'utf8');
  const made = COMMENT_HEADER + astToString(await openapiTypescript(document));
  expect(written === made, 'src/generated/api.ts differs from what docs/openapi.json gives').toBe(true);
}, TIME_MS);
