"""Runs in a virtual machine: a shell command per line of the second serial port, in JSON, and an answer per command."""

import json
import subprocess
import tty

with open("/dev/ttyS1", "r+b", buffering=0) as line:
    tty.setraw(line)
    line.write(b"{}\n")
    pending = b""
    while data := line.read(4096):
        pending += data
        while b"\n" in pending:
            command, pending = pending.split(b"\n", 1)
            if not command.strip():
                continue
            done = subprocess.run(["sh", "-ec", json.loads(command)], capture_output=True, check=False)
            answer = {
                "status": done.returncode,
                "stdout": done.stdout.decode(errors="replace"),
                "stderr": done.stderr.decode(errors="replace"),
            }
            line.write(json.dumps(answer).encode() + b"\n")
