"""Run benchmarks: ``python course.py dev benchmark [NAME ...]``; each writes what it found beside itself."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

os.environ |= {"COURSE_DATA": "real", "COURSE_PROFILE": "full"}  # what benchmarks/*.json are of
HERE = Path(__file__).parent
there = sorted(path.stem for path in HERE.glob("[!_]*.py"))
wanted = sys.argv[1:] or there
if unknown := sorted(set(wanted) - set(there)):
    sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(there)}")
for name in wanted:
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")
