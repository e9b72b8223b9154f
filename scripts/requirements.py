"""Print the requirements of pyproject.toml, one a line: those of the program, or of the extra named."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extra = sys.argv[1] if len(sys.argv) > 1 else None
print("\n".join(project["optional-dependencies"][extra] if extra else project["dependencies"]))
