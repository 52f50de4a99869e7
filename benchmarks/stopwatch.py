"""Start one command, wait for it, and write down what it took: `python -I -S stopwatch.py RESULT COMMAND ...`

A program of its own because Linux counts the memory of whoever starts a process as the process's own peak:
this one is as small as a Python program can be.
"""

import os
import sys
import time


def main(result: str, command: list[str]) -> None:
    """Write seconds, CPU seconds, `ru_maxrss` and exit code of `command` into the file `result`."""
    begun = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - begun
    with open(result, "w") as stream:  # noqa: PTH123 - pathlib would add to the memory
        cpu = usage.ru_utime + usage.ru_stime
        stream.write(f"{wall} {cpu} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
