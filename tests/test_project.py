"""What surrounds the course in public: workflows, the dev container, forms, the citation, the pages about all this."""

from __future__ import annotations

import json
import re
import runpy
import shlex

import pytest
import yaml

from helpers.profile import ROOT

SCRIPT = runpy.run_path(str(ROOT / "course.py"), run_name="imported")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
CONTAINER = ROOT / ".devcontainer" / "devcontainer.json"
PAGES = [ROOT / "docs" / "roadmap.md", ROOT / "docs" / "releasing.md", ROOT / ".github" / "pull_request_template.md"]
COMMAND = re.compile(r"(?:python3?|py) course\.py([^`\n]*)")


def name(path) -> str:
    return path.relative_to(ROOT).as_posix()


def load(path) -> dict:
    """A YAML file, or JSON with whole lines of comments, as devcontainer.json may have them."""
    text = path.read_text(encoding="utf-8")
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M)) if path.suffix == ".json" else yaml.safe_load(text)


def steps(workflow) -> list[dict]:
    return [step for job in load(workflow)["jobs"].values() for step in job["steps"]]


def check(arguments: str) -> None:
    """Fails where course.py would: an unknown command, or an option of its own that is not whole."""
    try:
        _, _, rest = SCRIPT["options"](shlex.split(arguments))
        assert rest, "no command"
        SCRIPT["chosen"](rest)
    except SystemExit as end:
        assert end.code == 0, end.code  # 0: it lists the tasks


@pytest.mark.parametrize("path", [*WORKFLOWS, CONTAINER, *FORMS, *PAGES], ids=name)
def test_every_command_is_one_of_course_py(path):
    for arguments in COMMAND.findall(path.read_text(encoding="utf-8")):
        check(arguments.strip(' ".,'))


def test_a_command_that_course_py_does_not_know_is_noticed():
    for wrong in ("tests", "refresh 01", "--gpu", "dev lab"):
        with pytest.raises(AssertionError):
            check(wrong)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_a_workflow_runs_nothing_but_the_course(path):
    runs = [step["run"] for step in steps(path) if "run" in step]
    assert any("course.py" in run for run in runs)
    assert [run for run in runs if not COMMAND.fullmatch(run) and run != "nvidia-smi"] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_a_workflow_has_few_rights_and_an_end(path):
    workflow = load(path)
    assert workflow["permissions"] == {} and workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] and set(job["permissions"]) <= {"contents", "pages", "id-token"}
        assert job["permissions"].get("contents", "read") == "read"
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    triggers = workflow[True]  # YAML 1.1 reads the key "on" so
    assert "pull_request_target" not in triggers
    if any("self-hosted" in job["runs-on"] for job in workflow["jobs"].values()):
        assert set(triggers) == {"workflow_dispatch"}, "a stranger's pull request must not reach the runner"


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_actions_are_pinned_to_a_commit_or_say_why_not(path):
    used = re.findall(r"^ *(?:- )?uses: *(\S+)(?: +# *(.+))?$", path.read_text(encoding="utf-8"), re.M)
    assert len(used) == sum("uses" in step for step in steps(path)) > 0
    for action, comment in used:
        pinned = re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"v\d+\.\d+\.\d+", comment) if pinned else len(comment) > 20, (action, comment)


def test_one_action_has_one_version_everywhere():
    used = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used})


def test_the_tests_run_on_three_systems_and_on_the_oldest_and_the_newest_python():
    matrix = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]
    in_order = sorted(SCRIPT["SUPPORTED"], key=lambda version: int(version.partition(".")[2]))
    assert matrix["python"] == [in_order[0], in_order[-1]]


def test_elsewhere_python_is_the_one_that_the_course_prefers():
    wanted = SCRIPT["SUPPORTED"][0]
    versions = {
        step["with"]["python-version"] for path in WORKFLOWS for step in steps(path) if "python-version" in str(step)
    }
    assert versions == {wanted, "${{ matrix.python }}"}
    assert re.search(r":\d+-([\d.]+)-\w+$", load(CONTAINER)["image"])[1] == wanted


def test_the_container_sets_up_the_environment_and_the_editor_takes_its_kernel():
    container = load(CONTAINER)
    settings = container["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"] == "${workspaceFolder}/.venv/bin/python"
    assert SCRIPT["VENV"] == ROOT / ".venv" and COMMAND.fullmatch(container["postCreateCommand"])
    assert all((ROOT / path).is_file() for path in container["customizations"]["codespaces"]["openFiles"])


@pytest.mark.parametrize("path", FORMS, ids=name)
def test_a_form_asks_for_something(path):
    form = load(path)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert form["name"] and form["description"] and len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_version_is_a_month_and_whatever_else_states_it_agrees():
    citation = load(ROOT / "CITATION.cff")
    assert re.fullmatch(r"20\d\d\.(?:[1-9]|1[0-2])(?:\.\d+)?", citation["version"])
    stated = re.findall(r"^## (20\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[:1]  # the newest
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    stated += re.findall(r'^\[project\]\n(?:(?!\[).*\n)*?version = "(.+)"', project, re.M)
    assert set(stated) <= {citation["version"]}


def test_the_roadmap_says_of_each_thing_where_to_start_when_it_is_done_and_how_long_it_takes():
    text = PAGES[0].read_text(encoding="utf-8")
    things = dict(re.findall(r"^## (.+)\n\n((?:.+\n)+)", text, re.M))
    rows = re.findall(r"^\| \d+ \| \[(.+)\]\(#(.+)\) \| (\d+) \|$", text, re.M)
    assert [title for title, *_ in rows] == list(things) and len(things) == 10
    for title, anchor, hours in rows:
        assert anchor == re.sub(r"\W+", "-", title.lower())
        kinds = re.findall(r"^- \*\*(\w+)\*\*: ", things[title], re.M)
        assert kinds == ["Why", "Start", "Done", "Hours"] and f"**Hours**: {hours}" in things[title], title
