"""`python -m sandbox.charts --directory D --address A --port P`: serve a Helm repository over HTTP."""

import argparse
import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def main() -> int:
    """Serve until killed; 1 with a message if the folder is no repository or the address is taken."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.charts", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="folder with an index.yaml")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on, 0 for any free one")
    options = parser.parse_args()
    if not (options.directory / "index.yaml").is_file():
        print(f"error: {options.directory} is no Helm repository: it has no index.yaml", file=sys.stderr)
        return 1
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(options.directory))
    try:
        server = ThreadingHTTPServer((options.address, options.port), handler)
    except OSError as error:
        print(f"error: cannot listen on {options.address}:{options.port}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"serving {options.directory} on http://{options.address}:{server.server_port}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
