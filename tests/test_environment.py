"""The environment files say the same thing."""

from __future__ import annotations

import re

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


LOCKED: dict[str, list[Requirement]] = {}
for locked in requirements("requirements.lock"):
    LOCKED.setdefault(canonicalize_name(locked.name), []).append(locked)


def version(requirement: Requirement) -> str:
    return str(requirement.specifier).removeprefix("==")


def test_every_requirement_is_locked_within_its_range():
    for requirement in requirements("requirements.txt"):
        for locked in LOCKED[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(version(locked)), (requirement, locked)


def test_the_lock_serves_every_supported_python():
    for python in ("3.10", "3.11", "3.12", "3.13"):
        for name in map(canonicalize_name, (r.name for r in requirements("requirements.txt"))):
            environment = {"python_version": python, "python_full_version": f"{python}.1"}
            valid = [r for r in LOCKED[name] if not r.marker or r.marker.evaluate(environment)]
            assert len(valid) == 1, (python, name)


def test_the_lock_was_made_from_requirements_and_names_no_index():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "uv pip compile --universal --python-version 3.10 --generate-hashes requirements.txt" in text
    assert "://" not in text
    direct = set(
        re.findall(r"^([\w.-]+)==[^\n]*\n(?:    [-#][^\n]*\n)*?    # +(?:via )?-r requirements.txt", text, re.M)
    )
    wanted = {canonicalize_name(r.name) for r in requirements("requirements.txt")}
    assert {canonicalize_name(name) for name in direct} == wanted


def test_every_line_of_the_lock_has_its_hashes_and_what_else_is_installed_stands_beside_it():
    """One package without a hash, or one file that names the lock beside packages of its own, and pip takes nothing."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.findall(r"^[\w.-]+==.*\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.M)
    assert len(packages) == sum(map(len, LOCKED.values())) > 150 and "uv" in LOCKED
    for path in ROOT.glob("requirements-*.txt"):
        assert "requirements.lock" not in re.sub("#.*", "", path.read_text(encoding="utf-8")), path.name
    assert "pip install --no-cache-dir nbgitpuller\n" in (ROOT / "postBuild").read_text(encoding="utf-8")


def test_tensorflow_is_2_19_or_later_and_opencv_is_the_headless_one():
    names = {canonicalize_name(r.name): r for r in requirements("requirements.txt")}
    assert not names["tensorflow"].specifier.contains("2.18.1")
    assert "opencv-python-headless" in LOCKED and "opencv-python" not in LOCKED


def test_gpu_adds_cuda_to_the_same_tensorflow():
    (gpu,) = requirements("requirements-gpu.txt")
    assert gpu.name == "tensorflow" and gpu.extras == {"and-cuda"}
    assert all(gpu.specifier.contains(version(locked)) for locked in LOCKED["tensorflow"])


def test_conda_and_repo2docker_take_a_supported_python_and_the_locked_packages():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert dependencies[-1] == {"pip": ["-r requirements.lock"]}, "pip takes hashes for all or for none"
    assert re.fullmatch(r"python=3\.1[0-3]", dependencies[0])


def test_pre_commit_uses_the_locked_versions():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    for hook in hooks:
        for pinned in map(Requirement, hook["additional_dependencies"]):
            assert version(pinned) in {version(r) for r in LOCKED[canonicalize_name(pinned.name)]}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "data/README.md", "LICENSE-CONTENT.md"])
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python course\.py (\w+)", readme))
    known = set(re.findall(r'^    "(\w+)": \[', (ROOT / "course.py").read_text(encoding="utf-8"), re.M))
    assert {"lab", "test", "data"} <= named <= known
