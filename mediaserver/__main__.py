"""`mediaserver`, and `python -m mediaserver`."""

from __future__ import annotations

from mediaserver.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
