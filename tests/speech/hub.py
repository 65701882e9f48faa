"""A model hub on loopback, as far as hullo asks one: the list of a repository's files, and the files."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def hub(repositories: dict[str, dict[str, Path]], *, break_off: bool = False) -> Iterator[str]:
    """Serve the files of each repository by their names there; its URL. `break_off` sends half of each file."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self._body()
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write((body or b"")[: len(body or b"") // 2 if break_off else None])

        def _body(self) -> bytes | None:
            for repository, files in repositories.items():
                if self.path == f"/api/models/{repository}":
                    return json.dumps({"siblings": [{"rfilename": name} for name in files]}).encode()
                name = self.path.removeprefix(f"/{repository}/resolve/main/")
                if name in files:
                    return files[name].read_bytes()
            return None

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def repository_of(directory: Path) -> dict[str, Path]:
    """All files of a directory, by their names."""
    return {path.name: path for path in directory.iterdir()}


def piper_repository(voice: Path) -> dict[str, Path]:
    """A voice `xx_YY-name-quality` where Piper's repository keeps it."""
    code, name, quality = voice.stem.split("-")
    folder = f"{code.partition('_')[0]}/{code}/{name}/{quality}"
    return {f"{folder}/{voice.name}": voice, f"{folder}/{voice.name}.json": Path(f"{voice}.json")}
