"""Speaks MessagePack-RPC on a Unix socket; prints the answers as JSON, bytes as their number.

Arguments: the socket, then each request's method and parameters as one JSON array. All requests
leave in one write, so the answers also show their order.
"""

import json
import socket
import sys

import msgpack

path, *calls = sys.argv[1:]
requests = [json.loads(call) for call in calls]

connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.settimeout(10)
connection.connect(path)
connection.sendall(
    b"".join(
        msgpack.packb([0, msgid, method, params], use_bin_type=True)
        for msgid, (method, params) in enumerate(requests, start=2**32 - len(requests))
    )
)

unpacker = msgpack.Unpacker(raw=False, max_buffer_size=2**21)
answers = []
while len(answers) < len(requests):
    received = connection.recv(65536)
    if not received:
        break
    unpacker.feed(received)
    answers.extend(unpacker)

print(json.dumps(answers, default=len))
