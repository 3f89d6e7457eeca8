"""The environment files say the same thing."""

from __future__ import annotations

import re
import runpy

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.profile import ROOT


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    stripped = [re.split(r"\s+#|^#", line)[0].strip(" \\") for line in text.splitlines()]
    return [line for line in stripped if line and not line.startswith("-")]


def requirements(name: str) -> list[Requirement]:
    return [Requirement(line) for line in lines(name)]


def locked_in(name: str) -> dict[str, list[Requirement]]:
    packages: dict[str, list[Requirement]] = {}
    for requirement in requirements(name):
        packages.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return packages


LOCKS = {"requirements.txt": locked_in("requirements.lock"), "requirements-dev.txt": locked_in("requirements-dev.lock")}
LOCKED = LOCKS["requirements.txt"]


def version(requirement: Requirement) -> str:
    return str(requirement.specifier).removeprefix("==")


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_locked_within_its_range_for_every_python(name):
    for requirement in requirements(name):
        locked = LOCKS[name][canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version(each)) for each in locked), (requirement, locked)
        for python in ("3.10", "3.11", "3.12", "3.13"):
            environment = {"python_version": python, "python_full_version": f"{python}.1"}
            valid = [each for each in locked if not each.marker or each.marker.evaluate(environment)]
            if not requirement.marker or requirement.marker.evaluate(environment):
                assert len(valid) == 1, (python, requirement)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_was_made_from_its_requirements_names_no_index_and_has_every_hash(name):
    """One package without a hash, and pip takes nothing."""
    text = (ROOT / name.replace(".txt", ".lock")).read_text(encoding="utf-8")
    assert re.search(rf"uv pip compile --universal --python-version 3.10 --generate-hashes .*{name}", text)
    assert "://" not in text
    via = r"^([\w.-]+)==[^\n]*\n(?:    [-#][^\n]*\n)*?    # +(?:via )?-r " + re.escape(name)
    assert {canonicalize_name(each) for each in re.findall(via, text, re.M)} == {
        canonicalize_name(each.name) for each in requirements(name)
    }
    hashed = re.findall(r"^[\w.-]+==.*\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.M)
    assert len(hashed) == sum(map(len, LOCKS[name].values())) > 90


def test_where_both_locks_name_a_package_they_agree_and_every_requirement_has_its_reason():
    both = LOCKED.keys() & LOCKS["requirements-dev.txt"].keys()
    assert "uv" in LOCKED and both
    for name in both:
        assert set(map(version, LOCKS["requirements-dev.txt"][name])) <= set(map(version, LOCKED[name])), name
    for name in LOCKS:
        text = (ROOT / name).read_text(encoding="utf-8").splitlines()
        bare = [line for line in text if line and "#" not in line and "sphinx-book-theme" not in line]
        assert bare == []


def test_tensorflow_is_2_19_or_later_and_opencv_is_the_headless_one():
    names = {canonicalize_name(r.name): r for r in requirements("requirements.txt")}
    assert not names["tensorflow"].specifier.contains("2.18.1")
    assert "opencv-python-headless" in LOCKED and "opencv-python" not in LOCKED


def test_conda_and_repo2docker_take_a_supported_python_and_the_locked_packages():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert dependencies[-1] == {"pip": ["-r requirements.lock"]}, "pip takes hashes for all or for none"
    assert re.fullmatch(r"python=3\.1[0-3]", dependencies[0])


def test_pre_commit_uses_the_locked_versions():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    for hook in hooks:
        for pinned in map(Requirement, hook["additional_dependencies"]):
            locked = LOCKS["requirements-dev.txt"][canonicalize_name(pinned.name)]
            assert version(pinned) in set(map(version, locked))


PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md", "LICENSE-CONTENT.md", "CODE_OF_CONDUCT.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"python course\.py (\w+)(?: (\w+))?", readme)
    script = runpy.run_path(str(ROOT / "course.py"), run_name="imported")
    assert {"lab", "test", "data"} <= {command for command, _ in named} <= {*script["COMMANDS"], "dev"}
    assert {task for command, task in named if command == "dev"} <= set(script["TASKS"])
