"""Failures: one class with a stable code, the same codes as in the client library for Node.js."""

import errno


class Error(Exception):
    """A failure of the daemon, or of the way to it. Match on `code`; the message may change.

    The daemon's codes are in docs/protocol.md, such as `ERR_NOT_SEEDED`, `ERR_HEALTH` and `ERR_BUSY`; later
    daemons may have others. The client adds:

    - `ERR_CONNECT`: no daemon is running, or this user may not connect
    - `ERR_TIMEOUT`: a request was not answered in time
    - `ERR_CLOSED`: the connection was lost twice, or in the middle of an answer; or the client is closed
    - `ERR_MESSAGE`: what was sent is not an answer to the request
    - `ERR_TOO_LARGE`: the answer is larger than any of the daemon's
    - `ERR_NOT_SEEDED`: also if getrandom(2) is not ready yet
    """

    code: str

    def __init__(self, code: str, message: str) -> None:
        # Both, so that the exception can be pickled.
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


def unexpected(what: str) -> Error:
    """`ERR_MESSAGE`: the daemon sent something else than the answer."""
    return Error("ERR_MESSAGE", f"the daemon sent {what}")


def connect_error(path: str, cause: OSError) -> Error:
    """`ERR_CONNECT`, with what helps."""
    reason = errno.errorcode.get(cause.errno or 0, str(cause))
    if cause.errno == errno.EACCES:
        return Error(
            "ERR_CONNECT",
            f"no permission to connect to {path} ({reason}); "
            "it takes write permission on the socket and search permission on its directories",
        )
    if cause.errno in (errno.ENOENT, errno.ECONNREFUSED):
        return Error(
            "ERR_CONNECT",
            f"no daemon on {path} ({reason}); start one with: "
            f"systemctl start entropyd.socket, or entropyd --socket {path}",
        )
    return Error("ERR_CONNECT", f"cannot connect to {path} ({reason})")


def plain(text: str, most: int) -> str:
    """Text of an untrusted peer that a terminal can print, cut to `most` characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])
