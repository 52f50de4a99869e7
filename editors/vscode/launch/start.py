"""Runs greenlint. As a script of a folder with nothing else in it, it keeps modules of the workspace off the path.

``python -m greenlint`` would put the working directory first, and a ``queue.py`` there in place of Python's own.
"""

if __name__ == "__main__":
    from greenlint.__main__ import main

    main()
