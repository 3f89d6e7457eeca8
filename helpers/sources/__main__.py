"""``python course.py data``: what data is here and what the course keeps; fetching the rest; removing what was kept."""

from __future__ import annotations

import sys

from helpers import profile
from helpers.profile import CourseError
from helpers.sources import caches, fetching, finding


def main(arguments: list[str]) -> None:
    """``status`` (the default), ``fetch`` with the first letters of datasets' names, ``clean``, or ``clean all``.

    Raises CourseError for an unknown action or name, and for what cannot be fetched or removed.
    """
    action, *names = arguments or ["status"]
    print(f"Data folder: {profile.data_dir()}")
    if action == "status":
        print(*(f"{title}: {what}" for title, what in finding.status()), sep="\n")
        print(f"Kept in {profile.cache_dir()}, all of which can be made again:")
        print(*(f"  {line}" for line in caches.status() or ["nothing"]), sep="\n")
    elif action == "fetch":
        fetch(names)
    elif action == "clean" and names in ([], ["all"]):
        print(*caches.clean(everything=bool(names)) or ["nothing to remove"], sep="\n")
    else:
        raise CourseError(
            f"data {' '.join(arguments)}: unknown. It can be `data status`, `data fetch [NAME ...]` or "
            "`data clean [all]`."
        )


def fetch(names: list[str]) -> None:
    """Fetch the named datasets, or all. One failure does not stop the rest."""
    titles = {name: [t for t in finding.REMOTES if t.lower().startswith(name.lower())] for name in names or [""]}
    if unknown := [name for name in titles if not titles[name]]:
        raise CourseError(f"no dataset {', '.join(unknown)}. There are: {', '.join(finding.REMOTES)}.")
    failed = []
    for title in dict.fromkeys(sum(titles.values(), [])):
        try:
            print(f"{title}: in {fetching.fetch(finding.REMOTES[title])[0].parent}")
        except CourseError as error:
            failed.append(f"{title}: {error}")
    if failed:
        raise CourseError("\n".join(failed))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CourseError as error:
        sys.exit(str(error))
