"""A hub on this machine that behaves as the real one does, and misbehaves when told to.

Small files come from the hub itself, with git's hash of them as ETag. Large ones are a redirect that names their
SHA-256 and size to another host, which knows ranges and has ETags of its own.
"""
import hashlib
import http.server
import json
import ssl
import threading
import time
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "vit_mini"
NAME = "someone/vit_mini"


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def golden_files():
    return {name: (GOLDEN / name).read_bytes() for name in ("config.json", "model.safetensors")}


def shards_of(data, count=3):
    """A safetensors file dealt out to several, and their index."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    header.pop("__metadata__", None)
    files, index = {}, {}
    for i in range(count):
        part, blob = {}, b""
        for name in sorted(header)[i::count]:
            info = header[name]
            piece = body[slice(*info["data_offsets"])]
            part[name] = {**info, "data_offsets": [len(blob), len(blob) + len(piece)]}
            blob += piece
            index[name] = f"model-{i + 1:05}-of-{count:05}.safetensors"
        text = json.dumps(part).encode()
        files[f"model-{i + 1:05}-of-{count:05}.safetensors"] = len(text).to_bytes(8, "little") + text + blob
    files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": index}).encode()
    return files


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        hub, path = self.server.hub, self.path
        if "://" in path:  # as a proxy is asked
            path = "/" + path.split("/", 3)[3]
        hub.log.append((self.server.role, self.command, path, dict(self.headers)))
        for trouble in list(hub.troubles):
            if trouble.meets(self.server.role, self.command, path):
                if trouble.instead(self, path):
                    return
        if self.server.role == "hub":
            hub.answer_as_hub(self, path)
        else:
            hub.answer_as_cdn(self, path)

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)


class Trouble:
    """What goes wrong with requests to a role for paths that end so, some times."""

    def __init__(self, action, role="cdn", ending="", method=None, times=1):
        self.action, self.role, self.ending, self.method, self.times = action, role, ending, method, times

    def meets(self, role, method, path):
        return self.times > 0 and role == self.role and path.endswith(self.ending) and self.method in (None, method)

    def instead(self, handler, path):
        self.times -= 1
        return self.action(handler, path) is not False


def status(code, **headers):
    return lambda handler, _: handler.say(code, b"an error page", **headers)


def begin(handler, path):
    """The headers of the right answer; the file, and from where on it is wanted."""
    data, first = handler.server.hub.wanted(handler, path)
    handler.send_response(206 if first else 200)
    if first:
        handler.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
    handler.send_header("ETag", handler.server.hub.cdn_etag(data))
    handler.send_header("Content-Length", str(len(data) - first))
    handler.end_headers()
    return data, first


def cut_after(size):
    """Promises the whole answer and ends the connection before."""
    def action(handler, path):
        data, first = begin(handler, path)
        handler.wfile.write(data[first:first + size])
        handler.cut()
    return action


def silent_after(size, seconds):
    def action(handler, path):
        data, _ = handler.server.hub.wanted(handler, path)
        handler.send_response(200)
        handler.send_header("ETag", handler.server.hub.cdn_etag(data))
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:size])
        handler.wfile.flush()
        time.sleep(seconds)
        handler.cut()
    return action


def slowly(pieces, seconds):
    """The right answer in so many pieces over so many seconds."""
    def action(handler, path):
        data, first = begin(handler, path)
        step = -(-(len(data) - first) // pieces)
        try:
            for at in range(first, len(data), step):
                handler.wfile.write(data[at:at + step])
                handler.wfile.flush()
                time.sleep(seconds / pieces)
        except OSError:
            handler.close_connection = True
    return action


def held_until(event):
    """The first half, and the rest when the event comes."""
    def action(handler, path):
        data, _ = handler.server.hub.wanted(handler, path)
        handler.send_response(200)
        handler.send_header("ETag", handler.server.hub.cdn_etag(data))
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:len(data) // 2])
        handler.wfile.flush()
        event.wait(120)
        handler.wfile.write(data[len(data) // 2:])
    return action


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that leaves early is what is tested."""


class Hub:
    def __init__(self, tls=None):
        self.models, self.log, self.troubles = {}, [], []
        self.commit = "c0ffee" + "0" * 34
        self.token = None  # wanted, where set
        self.servers = []
        for role in ("hub", "cdn"):
            server = Server(("127.0.0.1", 0), Handler)
            server.hub, server.role = self, role
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*tls)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            self.servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        scheme = "https" if tls else "http"
        self.url, self.cdn = (f"{scheme}://127.0.0.1:{server.server_port}" for server in self.servers)
        self.models[NAME] = golden_files()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def trouble(self, *arguments, **names):
        self.troubles.append(Trouble(*arguments, **names))

    def asked(self, role=None, method=None, ending=""):
        return [headers for r, m, path, headers in self.log
                if role in (None, r) and method in (None, m) and path.endswith(ending)]

    # /org/name/resolve/REVISION/FILE
    def file_of(self, path):
        parts = path.strip("/").split("/")
        if len(parts) != 5 or parts[2] != "resolve":
            return None, None, None
        return "/".join(parts[:2]), parts[3], parts[4]

    def answer_as_hub(self, handler, path):
        model, revision, file = self.file_of(path)
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return handler.say(401, b"no", X_Error_Code="RepoNotFound")
        if model not in self.models:
            # Strangers are not told what is private.
            return handler.say(404 if self.token else 401, b"no", X_Error_Code="RepoNotFound")
        if revision not in ("main", self.commit):
            return handler.say(404, b"no", X_Error_Code="RevisionNotFound")
        if file not in self.models[model]:
            return handler.say(404, b"no", X_Error_Code="EntryNotFound", X_Repo_Commit=self.commit)
        data = self.models[model][file]
        if file.endswith(".safetensors"):
            digest = hashlib.sha256(data).hexdigest()
            return handler.say(302, b"over there", Location=f"{self.cdn}/{model}/{file}", X_Repo_Commit=self.commit,
                               X_Linked_Etag=f'"{digest}"', X_Linked_Size=len(data), ETag='"of the pointer"')
        return handler.say(200, data, ETag=f'"{git_sha1(data)}"', X_Repo_Commit=self.commit)

    def cdn_etag(self, data):
        return '"cdn-' + hashlib.md5(data).hexdigest() + '"'

    def wanted(self, handler, path):
        """The file's bytes, and where the answer begins."""
        org, name, file = path.strip("/").split("/")
        data = self.models[f"{org}/{name}"][file]
        bounds = handler.headers.get("Range", "")
        fresh = handler.headers.get("If-Range") in (None, self.cdn_etag(data))
        return data, int(bounds[len("bytes="):-1]) if bounds and fresh else 0

    def answer_as_cdn(self, handler, path):
        data, first = self.wanted(handler, path)
        etag = self.cdn_etag(data)
        if first >= len(data) > 0:
            return handler.say(416, Content_Range=f"bytes */{len(data)}")
        if first:
            return handler.say(206, data[first:], ETag=etag, Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        return handler.say(200, data, ETag=etag)
