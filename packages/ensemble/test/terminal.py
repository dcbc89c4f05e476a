"""Runs a program at a pseudo terminal: types each answer when its prompt has come, and prints all that was shown."""

import json
import os
import pty
import select
import sys

steps = json.loads(sys.argv[1])  # [[what to wait for, what to type], …]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

shown = b""
waited = 0
while True:
    ready, _, _ = select.select([terminal], [], [], 15)
    if not ready:
        os.write(2, b"nothing came for 15 seconds\n")
        os.kill(pid, 9)
        break
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
    while steps:
        at = shown.find(steps[0][0].encode(), waited)
        if at < 0:
            break
        waited = at + len(steps[0][0].encode())
        os.write(terminal, steps.pop(0)[1].encode())
_, status = os.waitpid(pid, 0)
os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(status))
