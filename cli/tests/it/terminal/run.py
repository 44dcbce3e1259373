"""Runs a command on a terminal of its own, and presses Ctrl-C once it has said something.

    run.py <the words, or nothing> <command> …

Writes what the command wrote, and ends with its exit code; 128 and the signal's number, if one has ended it.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

words, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    os.execv(command[0], command)

said, is_pressed = b"", not words
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        # Nobody is on the other end any more.
        break
    said += piece
    if not is_pressed and words.encode() in said:
        os.write(terminal, b"\x03")
        is_pressed = True
sys.stdout.buffer.write(said)
sys.stdout.flush()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(code if code >= 0 else 128 - code)
