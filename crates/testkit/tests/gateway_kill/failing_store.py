"""failing_store.py LISTEN_HOST LISTEN_PORT STORE_URL FOLDER: an S3 store on a bad day.

Passes requests on to the store. Of all calls the part that FOLDER/fail says (0.05: one in twenty)
fails: half of those are refused with 503 before they did anything, half are carried out and then
answered by a closed connection. FOLDER/failed tells how often either happened.
"""

import http.client
import http.server
import pathlib
import random
import sys
import threading
import urllib.parse

host, port, store, folder = sys.argv[1:]
store = urllib.parse.urlsplit(store)
folder = pathlib.Path(folder)
failed = {"refused": 0, "reply lost": 0}
lock = threading.Lock()


def note(what):
    with lock:
        failed[what] += 1
        text = "".join(f"{kind}: {count}\n" for kind, count in failed.items())
        (folder / "failed").write_text(text)


def failing():
    try:
        return float((folder / "fail").read_text())
    except FileNotFoundError:
        return 0.0


class Store(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        dice, part = random.random(), failing()
        if dice < part / 2:
            note("refused")
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection(store.hostname, store.port, timeout=60)
        # The signature covers the address the gateway used, so that goes along.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if dice < part:
            note("reply lost")
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server((host, int(port)), Store)
(folder / "listening").touch()
server.serve_forever()
