// The way to the object store, on which the key of a share can be withdrawn for a while.

import { createServer, request } from 'node:http';
import { once } from 'node:events';

const REFUSAL =
  '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>The key was withdrawn.</Message></Error>';

/** Passes everything on to `endpoint`, unless it was told to refuse. */
export async function openStore(endpoint) {
  const { hostname, port } = new URL(endpoint);
  let refuses = false;
  const server = createServer((asked, answer) => {
    if (refuses) {
      answer.writeHead(403, { 'content-type': 'application/xml' }).end(REFUSAL);
      asked.resume();
      return;
    }
    const { method, url: path, headers } = asked;
    const onward = request({ hostname, port, method, path, headers }, (got) => {
      answer.writeHead(got.statusCode, got.rawHeaders);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.on('error', () => onward.destroy());
    asked.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    withdrawKey: () => (refuses = true),
    restoreKey: () => (refuses = false),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
