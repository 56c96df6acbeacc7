"""Runs a program on a terminal of its own: python3 terminal.py COLUMNS ROWS STEPS PROGRAM ARGS...

STEPS is a JSON array: a number waits so many seconds, a text is typed, [COLUMNS, ROWS] resizes. Prints
JSON: what the terminal got, the exit code, and whether the terminal's modes are what they were.
"""
import fcntl
import json
import os
import select
import struct
import sys
import termios
import time

END_SECONDS = 20

columns, rows, steps, *program = sys.argv[1:]
master, slave = os.openpty()


def resize(columns, rows):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(int(columns), int(rows))
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in range(3):
        os.dup2(slave, descriptor)
    os.execvp(program[0], program)

output = b""
status = None


def read_for(seconds):
    global output, status
    end = time.monotonic() + seconds
    while status is None and time.monotonic() < end:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        while select.select([master], [], [], 0.05)[0]:
            output += os.read(master, 65536)


for step in json.loads(steps):
    if isinstance(step, str):
        os.write(master, step.encode())
    elif isinstance(step, list):
        resize(*step)
    else:
        read_for(step)
read_for(END_SECONDS)
if status is None:
    os.kill(child, 9)
    os.waitpid(child, 0)
restored = termios.tcgetattr(slave) == before
print(json.dumps({"text": output.decode("utf-8", "replace"), "status": status, "restored": restored}))
