// Which operations of the HTTP API the pages call, compared with its description.

import { readFileSync } from 'node:fs';

const DOCUMENT = new URL('../../docs/openapi.json', import.meta.url);

/** Operations that no page calls, and why. */
const WITHOUT_PAGE = {
  healthz: 'for whatever watches the process',
  readyz: 'for whatever watches the process',
  metrics: 'for Prometheus',
  openapi: 'for programs',
  show_command: 'asked only if neither the answer nor the stream has told of a command',
};
/** The message queue is administered by the API and `causeway ctl mq`; it has no pages yet. */
const WITHOUT_PAGES = '/api/v1/message-queue';

/** Notes what a page asks of the console at `url`. */
export function watchOperations(url) {
  const operations = known();
  const called = new Set();
  const strange = new Set();
  return {
    note(request) {
      const { origin, pathname } = new URL(request.url());
      if (origin !== new URL(url).origin || !pathname.startsWith('/api/')) return;
      const found = operations.find((o) => o.method === request.method() && o.path.test(pathname));
      if (found === undefined) strange.add(`${request.method()} ${pathname}`);
      else called.add(found.id);
    },
    /** Throws if pages call what is not there, or if one of the operations was never called. */
    settle() {
      if (strange.size > 0) throw new Error(`not in docs/openapi.json: ${[...strange].join(', ')}`);
      const missing = operations.filter(({ id, template }) => {
        const excused = id in WITHOUT_PAGE || template.startsWith(WITHOUT_PAGES);
        return excused ? false : !called.has(id);
      });
      if (missing.length > 0) throw new Error(`no page called ${missing.map(({ id }) => id).join(', ')}`);
    },
  };
}

function known() {
  const { paths } = JSON.parse(readFileSync(DOCUMENT, 'utf8'));
  const operations = Object.entries(paths).flatMap(([template, item]) =>
    Object.entries(item).map(([method, { operationId }]) => ({
      id: operationId,
      method: method.toUpperCase(),
      template,
      path: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`),
    })),
  );
  // A literal path such as …/shares/check goes before …/shares/{name}.
  const blanks = ({ template }) => template.split('{').length;
  return operations.sort((a, b) => blanks(a) - blanks(b));
}
