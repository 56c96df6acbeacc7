"""Runs a program on a pseudoterminal of its own: terminal.py COLUMNS ROWS PROGRAM ARGS...

Standard input takes one JSON value a line: a text is typed, [COLUMNS, ROWS] resizes the terminal.
Standard output gives one JSON value a line: texts that the terminal got, and last an object with the
exit code, below 0 the signal, and whether the terminal's modes were restored.
"""
import codecs
import fcntl
import json
import os
import select
import struct
import sys
import termios

LOOK_SECONDS = 0.05

columns, rows, *program = sys.argv[1:]
master, slave = os.openpty()


def resize(columns, rows):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def tell(value):
    print(json.dumps(value), flush=True)


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

decoder = codecs.getincrementaldecoder("utf-8")("replace")
commands = b""
inputs = [master, 0]
status = None
while True:
    ready = select.select(inputs, [], [], LOOK_SECONDS)[0]
    if master in ready:
        tell(decoder.decode(os.read(master, 65536)))
    elif status is not None:
        break
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            inputs.remove(0)
        *lines, commands = (commands + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if isinstance(command, str):
                os.write(master, command.encode())
            else:
                resize(*command)
    if status is None:
        # The slave stays open here, so that the terminal's modes can be read after the end.
        pid, wait_status = os.waitpid(child, os.WNOHANG)
        if pid != 0:
            status = os.waitstatus_to_exitcode(wait_status)
tell({"status": status, "restored": termios.tcgetattr(slave) == before})
