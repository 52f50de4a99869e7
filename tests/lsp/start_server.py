"""Has a server forked by ``fork_servers.py`` and ends as it does: ``python start_server.py SOCKET ARGUMENT ...``."""

from __future__ import annotations

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    socket.send_fds(connection, [b"\n"], [0, 1, 2])
    asked = {"arguments": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    connection.sendall(json.dumps(asked).encode() + b"\n")
    code = int(connection.recv(64) or b"1")
sys.exit(code)
