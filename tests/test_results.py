from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from scipy import stats

from helpers import results
from helpers.profile import CourseError
from helpers.scores import Gain, Score
from tools import results_pages
from tools.experiments import EXPERIMENTS, conditions, digits, parts
from tools.experiments import __main__ as measure

SOURCES = results_pages.sources()  # of experiments that were measured


@pytest.mark.parametrize("name", results.experiments())
def test_entry_is_whole_and_its_means_follow_from_its_values(name):
    entry = results.load(name)
    assert {"what", "data", "profile", "seconds", "memory_mib", "device", "versions", "date"} <= set(entry)
    assert entry["experiment"] == name and entry["command"].startswith(f"python course.py measure {name}")
    for metric in entry["metrics"].values():
        assert len(metric["values"]) == len(entry["seeds"])
        assert metric["mean"] == pytest.approx(np.mean(metric["values"]), abs=2e-5)
        if len(metric["values"]) == 1:
            assert metric["half_width"] is metric["one_more_run"] is None
            continue
        scale = stats.sem(metric["values"]) + 1e-12  # three seeds may agree to the photo
        half = stats.t.interval(0.95, len(metric["values"]) - 1, scale=scale)[1]
        assert metric["half_width"] == pytest.approx(half, abs=1e-4)
        spread = np.std(metric["values"], ddof=1) * stats.t.ppf(0.975, len(metric["values"]) - 1)
        assert metric["one_more_run"] == pytest.approx(spread * (1 + 1 / len(metric["values"])) ** 0.5, abs=2e-4)


@pytest.mark.parametrize("claim", SOURCES)
def test_every_number_of_a_source_has_a_measurement_beside_it(claim):
    name, metric = claim.split(".")
    assert metric in results.load(name)["metrics"]


def test_claims_and_rows_are_of_experiments_and_say_what_differs():
    claims = json.loads((results.FOLDER / "sources.json").read_text(encoding="utf-8"))
    stated = [row.key for row in results_pages.ROWS if row.source != "{}" or row.book != "–"]
    named = {key.split(".")[0] for key in [*claims, *stated]}
    assert named <= set(EXPERIMENTS) and named == set(results_pages.DIFFERS)


def test_what_was_not_measured_has_no_row_and_is_listed(monkeypatch):
    monkeypatch.setattr(results, "experiments", lambda: sorted(set(EXPERIMENTS) - {"pets_scratch"}))
    assert results_pages.planned()[-1] == "These experiments are written and have no file: `pets_scratch`."
    assert not any(key.startswith("pets_scratch.") for key in results_pages.sources())
    monkeypatch.setattr(results, "experiments", lambda: sorted(EXPERIMENTS))
    assert results_pages.planned() == []


@pytest.mark.parametrize("name", results.experiments())
def test_an_experiment_can_be_continued(name):
    """A file is continued if the experiment of its name is still the one that was measured."""
    seeds = len(results.load(name)["seeds"])
    kept = measure.on_file(name)
    assert len(kept["runs"]) == len(kept["seconds"]) == len(kept["histories"]) == seeds
    assert list(measure.measure(name, seeds)) == [], "fewer seeds than on file, and it measured"


@pytest.mark.parametrize(
    ("key", "least"),
    [
        ("book_convnet.test_accuracy", 0.990),
        ("fashion_convnet_decay.test_accuracy_5_epochs", 0.905),
        ("dropout_convnet_patient.test_accuracy", 0.989),
        ("functional_convnet.validation_accuracy", 0.988),
        ("pets_scratch.validation_accuracy", 0.715),
        ("pets_augmented.validation_accuracy", 0.827),
        ("pets_modern.validation_accuracy", 0.86),
        ("vgg16_features.test_accuracy", 0.960),
        ("vgg16_fine_tuned.test_accuracy", 0.970),
        ("lite0_features.test_accuracy", 0.990),
    ],
)
def test_measured_means_reach_the_goals(key, least):
    name, metric = key.split(".")
    entry = results.load(name)
    long = {"pets_scratch": 2, "pets_augmented": 1, "pets_modern": 1, "vgg16_fine_tuned": 1}  # up to two hours a seed
    seeds = {**long, "lite0_features": 1}.get(name, 3)  # logistic regression: nothing in it is random
    assert entry["data"] == "real" and entry["profile"] == "full" and len(entry["seeds"]) >= seeds
    assert entry["metrics"][metric]["mean"] >= least


@pytest.mark.parametrize("name", [name for name in results.experiments() if "histories" in results.load(name)])
def test_histories_and_answers_agree_with_the_metrics(name):
    entry = results.load(name)
    for i, (history, correct) in enumerate(zip(entry["histories"], entry["correct_test_images"], strict=True)):
        values = {metric: found["values"][i] for metric, found in entry["metrics"].items()}
        best = int(values["best_epoch"]) - 1
        assert history["val_loss"][best] == np.nanmin(history["val_loss"]) and len(correct) == 1000
        assert values["validation_accuracy"] == pytest.approx(history["val_accuracy"][best], abs=1e-4)
        assert values["test_accuracy"] == pytest.approx(correct.count("1") / len(correct), abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("pets_scratch", "pets_augmented"),
        ("pets_augmented", "pets_modern"),
        ("pets_modern", "vgg16_features"),
        ("vgg16_features_scaled", "vgg16_features"),
        ("vgg16_features", "lite0_features"),
        ("vgg16_fine_tuned", "lite0_features"),
        ("drawn_scratch", "drawn_augmented"),
        ("drawn_augmented", "drawn_features"),
    ],
)
def test_each_remedy_gains_more_than_its_paired_interval(first, second):
    assert Gain.between(results.answers(first), results.answers(second)).interval[0] > 0


@pytest.mark.parametrize(
    ("features", "tuned"),
    [
        ("drawn_features", "drawn_fine_tuned"),
        ("vgg16_features", "vgg16_fine_tuned_plain"),
        ("vgg16_augmented", "vgg16_fine_tuned"),
    ],
)
def test_fine_tuning_is_not_worse_than_features(features, tuned):
    gain = Gain.between(results.answers(features), results.answers(tuned))
    assert gain.interval[1] > 0 and gain.gain > -0.005


@pytest.mark.parametrize("claim", [claim for claim in SOURCES if "test_acc" in claim or "validation_acc" in claim])
def test_a_sources_score_lies_where_one_more_run_would(claim):
    name, metric = claim.split(".")
    found = results.load(name)["metrics"][metric]
    if len(found["values"]) == 1:
        pytest.skip("one seed says nothing of where one more run would lie")
    photo = 0.0005  # half of one in a thousand: what a count of validation photos is rounded to
    assert abs(SOURCES[claim]["value"] - found["mean"]) <= found["one_more_run"] + photo


def test_what_the_lessons_say_in_words_is_on_file():
    """02, 05, 06 and the README: sentences without a number, which would be wrong if others were on file."""
    long, answers = results.load("fashion_convnet_long")["metrics"], results.answers
    gain = long["test_accuracy_gain"]
    assert abs(gain["mean"]) < gain["half_width"], "neither a fall nor a rise is shown"
    assert long["test_loss_20_epochs"]["mean"] > 2 * long["test_loss_5_epochs"]["mean"], "more than doubled"
    views = Gain.between(answers("vgg16_augmented"), answers("vgg16_fine_tuned"))
    assert 0 < views.interval[0] < 0.002 and 0.05 < views.p_value < 0.06, "the one just, the other just not"
    low, high = Gain.between(answers("pets_modern"), answers("vgg16_features_scaled")).interval
    assert low < 0 < high, "VGG16, wrongly prepared, cannot be told from the best from scratch"
    for scratch, features in (("pets_modern", "vgg16_features"), ("drawn_augmented", "drawn_features")):
        assert (~answers(features)).sum() < (~answers(scratch)).sum() / 2, "less than half as many wrong"
    energy = {name: found["mean"] for name, found in results.load("drawn_grad_cam")["metrics"].items()}
    maps = [energy[f"energy_{name}"] for name in ("uniform", "edges", "grad_cam", "center", "input_gradient")]
    assert maps == sorted(maps), "better than edges and a uniform map; a bell and the input gradient do better still"


def test_calibration_of_known_answers():
    outputs = np.array([[0.95], [0.91], [0.04], [0.3], [0.5]])  # sure of 0.95, 0.91, 0.96, 0.7, 0.5
    found, bins = parts.calibration(outputs, np.array([1, 0, 0, 1, 0]))
    assert found["confidence"] == pytest.approx(0.804)
    assert found["calibration_error"] == pytest.approx((abs(2.82 - 2) + 0.7 + 0.5) / 5)
    assert found["test_loss"] == pytest.approx(-np.log([0.95, 0.09, 0.96, 0.3, 0.5]).mean())
    assert list(bins["images"]) == [0, 0, 0, 0, 0, 1, 0, 1, 0, 3] and bins["accuracy"][9] == pytest.approx(2 / 3)


def test_a_perfect_network_is_calibrated_and_a_boaster_is_not():
    sure = np.full((100, 4), 0.1 / 3)
    sure[:, 0] = 0.9
    for right, error in ((90, 0), (50, 0.4)):
        found, _ = parts.calibration(sure, np.repeat([0, 1], [right, 100 - right]))
        assert found["calibration_error"] == pytest.approx(error, abs=1e-9)


def test_networks_of_the_remedies_are_the_courses_but_for_what_is_said():
    plain, small = digits.garment_net(), digits.garment_net(filters=16, units=32)
    assert plain.count_params() == 243_786 and small.count_params() == 15_642
    unpooled = parts.remade(digits.models.book_convnet(), keras.layers.MaxPooling2D)
    assert [layer.output.shape[1:3] for layer in unpooled.layers[:3]] == [(26, 26), (24, 24), (22, 22)]
    source = parts.remade(digits.models.tsne_convnet(), **digits.INITIALIZERS["source"])
    kernel, bias = source.get_layer("fc1").get_weights()
    assert 0.08 < kernel.std() < 0.1 and kernel.max() <= 0.2 and (bias == np.float32(0.1)).all()
    assert source.count_params() == 3_338_682


def test_preprocessing_in_parts_is_vgg16s_own_and_the_sources():
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    own = keras.applications.vgg16.preprocess_input(images.copy())
    assert np.array_equal(conditions.prepared(images, divide=False, center=True, swap=True), own)
    assert np.array_equal(conditions.prepared(images, divide=True, center=False, swap=False), images / 255)
    rgb = conditions.prepared(images, divide=False, center=True, swap=False)
    assert np.array_equal(rgb[..., ::-1], own), "each channel loses its own mean"


def test_what_is_kept_beside_the_metrics_can_be_written():
    assert measure.plain([True, np.False_]) == "10" and measure.plain({}) == {}
    found = measure.plain({"loss": [np.float32(0.5)], "late": {"images": np.array([1, 2])}})
    assert json.loads(json.dumps(found)) == {"loss": [0.5], "late": {"images": [1, 2]}}


def test_where_nothing_is_random_the_row_says_so(monkeypatch):
    metrics = {"test_accuracy": 0.991, "test_accuracy_low": 0.989, "test_accuracy_high": 0.993}
    summed = {name: measure.summary([value]) for name, value in metrics.items()}
    monkeypatch.setattr(results, "load", lambda name: {"metrics": summed})
    monkeypatch.setattr(results, "experiments", lambda: ["lite0_features"])
    assert results_pages.ours("lite0_features.test_accuracy") == ["99.10 %", "–", "nothing random"]
    monkeypatch.setattr(results, "experiments", lambda: ["lite0_features", "lite0_resampled"])
    told = "99.10 % (98.90 to 99.30 over resampled training photos)"
    assert results_pages.ours("lite0_features.test_accuracy") == [told, "–", "nothing random"]


def test_unknown_experiment_names_the_known():
    with pytest.raises(CourseError, match="results/book.json does not exist. Measured are: .*book_convnet"):
        results.load("book")


def test_answers_and_benchmarks_that_were_not_kept_say_what_to_do():
    with pytest.raises(CourseError, match="book_convnet.json does not say which test images were right; measure it"):
        results.answers("book_convnet")
    with pytest.raises(CourseError, match="none.json does not exist. Run `python course.py dev benchmark none`"):
        results.benchmark("none")


@pytest.mark.parametrize(
    ("values", "told"), [([0.5], "50.00 % (1 seed)"), ([0.5, 0.6], "55.00 % (50.00 and 60.00, 2 seeds)")]
)
def test_one_seed_has_no_spread_and_two_are_both_given(monkeypatch, values, told):
    metric = {**measure.summary(values), "values": values}
    monkeypatch.setattr(results, "load", lambda name: {"seeds": values, "metrics": {"m": metric}})
    assert results.measured("any", "m") == told


def test_table_sets_source_measurement_and_run_side_by_side():
    rows = {"pets_scratch.training_accuracy_last_epoch": 0.975, "book_convnet.test_accuracy": Score(99, 100)}
    table = results.beside_sources(rows | {"lite0_features.test_accuracy": None})
    assert list(table.index)[1] == "MNIST, 93,322 parameters, test" and "..." not in table._repr_html_()
    assert list(table["source"]) == ["98.85 % (book notes, 5.2)", "99.26 % (book notes, 5.1)", "–"]
    assert list(table["this run"]) == ["97.50 %", "99.00 %", "–"]
    assert list(table["its 95 % interval"]) == ["–", "94.55 to 99.82", "–"]
    assert "one more run ±" in table.iloc[1, 1]


def test_pages_are_what_was_measured():
    for path, text in results_pages.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `python course.py dev results`"


def test_every_number_of_a_source_and_every_seed_stands_on_the_results_page():
    page = results_pages.page()
    stated = [f"{100 * claim['value']:.2f} %" for key, claim in SOURCES.items() if "accuracy" in key]
    assert [number for number in stated if number not in page] == []
    for name in results.experiments():
        section = page.split(f"### {name}\n")[1].split("\n###")[0]
        entry = results.load(name)
        assert entry["command"] in section and entry["date"] in section and entry["device"] in section
        assert section.count("\n| ") == len(entry["metrics"]) + 2


@pytest.mark.parametrize(
    ("metric", "values", "written"),
    [
        ("test_accuracy", [0.9914, 0.99203], "99.14, 99.20"),
        ("epochs", [10.0, 16.0], "10, 16"),
        ("knn", [0.938, -0.5, 1.0, 0.0], "0.938, -0.500, 1.000, 0.000"),
        ("wavelength", [95.65176], "95.652"),
    ],
)
def test_numbers_are_written_by_their_kind(metric, values, written):
    assert ", ".join(results_pages.number(metric, value) for value in values) == written


def test_where_the_peak_of_memory_was_not_measured_the_page_says_so(monkeypatch):
    entry = {key: value for key, value in results.load("book_convnet").items() if key != "peak_memory_mib"}
    monkeypatch.setattr(results, "load", lambda name: entry)
    assert "- Peak memory: not recorded" in results_pages.section("any")


BEGIN, END = results_pages.BEGIN.format("results"), results_pages.END.format("results")


@pytest.mark.parametrize("text", ["", f"{END} {BEGIN}", BEGIN, f"{BEGIN} {results_pages.END.format('times')}"])
def test_a_page_without_its_marks_is_refused(text):
    with pytest.raises(ValueError, match="must hold <!-- results: .* and <!-- end of results -->"):
        results_pages.filled(text, "results", [])


def rehearsed(runs: int) -> dict:
    later = [20.0, 19.0, 22.0] if runs > 1 else None
    row = {"mib": 1000, "first_seconds": 30.4, "later_seconds": later, "first_cpu_seconds": 45.0}
    rows = {"00_a": row, "01_b": row | {"mib": 1200, "first_seconds": 50.0, "first_cpu_seconds": 60.0}}
    common = {"device": "2 CPU cores", "date": "2026-01-02", "kept_mib": 512, "jupyterlab_mib": 80}
    return common | {"runs": runs, "at_once": 2, "failed": [], "drift": ["run 2: 00_a: x"], "notebooks": rows}


def test_what_a_rehearsal_found_is_told(monkeypatch):
    monkeypatch.setattr(results_pages, "course", lambda lane="": rehearsed(1 if lane else 3))
    offline, real = results_pages.times()
    assert "took 30 to 50 seconds the first time (one by one, in order), and at most 1,200 MiB" in offline
    assert "In 3 runs of the whole course in a row no notebook failed and 1 checked output differed" in offline
    assert "2 at a time, the slowest took 22 seconds" in offline
    assert "On the real data" in real and "in a row" not in real
    table = results_pages.teaching()
    assert "| 00 | 30 | 30 | 10 |" in table and table[-1] == "| all | 80 | 80 | 60 |"
    text = "\n".join(results_pages.sizes())
    assert "| 01 | 60 | 1,200 |" in text and "held 80 MiB" in text
    assert "| 1 | 2 GiB | 1 | 0.5 GiB |" in text
    assert "| 40 | 50 GiB | 8 | 20.0 GiB |" in text, "40 x 1,280 MiB; 40 x 60 s in 300 s; 40 x 512 MiB"
