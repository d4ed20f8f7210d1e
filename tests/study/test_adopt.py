"""`atbench adopt`: files of weights become a scale whose imported suite they fit, and with --run its cells."""

import shutil
from pathlib import Path

import pytest
import torch
from checkout import Checkout

from atbench import cli
from atbench.models.diffusers_folder import WEIGHTS, write_folder
from atbench.models.weights import build
from atbench.runtime.files import file_hash
from atbench.spec import yaml
from atbench.spec.load import load

NETWORK = dict(load("ci").file.model)
FILE = Path("experiments/scales/mine.yaml")


def network(**changes) -> torch.nn.Module:
    torch.manual_seed(0)
    return build("unet", NETWORK | changes)


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """A current folder with experiment files of its own, and two checkpoints."""
    monkeypatch.setattr(yaml, "EXPERIMENTS", shutil.copytree(yaml.EXPERIMENTS, tmp_path / "experiments"))
    monkeypatch.chdir(tmp_path)
    torch.save(network().state_dict(), "ema_0.9999_020000.pt")
    torch.save(network().state_dict(), "raw.pt")
    load.cache_clear()
    yield
    load.cache_clear()


def adopt(*words: str) -> int:
    return cli.main(["adopt", "mine", *words, "--like", "ci"])


def test_files_become_a_scale_and_the_command_that_makes_its_cells_is_said(capsys):
    assert adopt("ema_0.9999_020000.pt", "raw.pt") == 0
    said = capsys.readouterr().out
    assert 'snakemake --cores all imported --config scale=mine "suites=[imported]"' in said
    assert "results/mine/imported/adm/seed0/final/ddim-nfe10.json --config scale=mine" in said
    (run,) = load("mine").suite("imported").runs()
    assert run.checkpoint.batches == 20000  # as the name says
    assert {role: (file.path, file.sha256) for role, file in run.checkpoint.files.items()} == {
        role: (name, file_hash(name)) for role, name in (("ema", "ema_0.9999_020000.pt"), ("raw", "raw.pt"))
    }


def test_a_folder_of_diffusers_is_adopted_under_another_method(capsys):
    write_folder(Path("pipeline"), network().state_dict(), network().config)
    assert adopt("pipeline", "--method", "at", "--batches", "7") == 0
    (run,) = load("mine").suite("imported").runs()
    assert (run.address.method, run.checkpoint.batches) == ("at", 7)
    assert run.checkpoint.files["ema"].path == f"pipeline/unet/{WEIGHTS[0]}"


@pytest.mark.parametrize("folder", [True, False])
def test_a_network_with_classes_goes_to_the_suite_of_such(capsys, folder):
    model = network(num_classes=10)
    write_folder(Path("x-5000"), model.state_dict(), model.config)
    torch.save(model.state_dict(), "x-5000.pt")
    assert adopt("x-5000" if folder else "x-5000.pt") == 0
    assert "imported-class-conditional" in load("mine").suites and "imported" not in load("mine").suites


def test_the_network_and_images_of_the_suite_of_such_networks_come_along(capsys):
    """The paper's class-conditional networks are of other images than the others."""
    file = yaml.EXPERIMENTS / "scales/wide.yaml"
    model = NETWORK | {"channels": 16}
    file.write_text(f"extends: ci\nsuites: {{class-conditional: {{model: {model}}}}}\n".replace("True", "true"))
    torch.save(network(num_classes=10, channels=16).state_dict(), "x-5000.pt")
    assert cli.main(["adopt", "mine", "x-5000.pt", "--like", "wide"]) == 0
    assert load("mine").suite("imported-class-conditional").network.channels == 16


def test_the_same_command_again_finds_its_scale_and_another_one_is_refused(capsys):
    words = "ema_0.9999_020000.pt", "raw.pt"
    assert adopt(*words) == 0
    before = FILE.read_bytes()
    assert adopt(*words) == 0 and "Is there: experiments/scales/mine.yaml" in capsys.readouterr().out
    assert adopt("ema_0.9999_020000.pt") == 2 and "is there already" in capsys.readouterr().err
    assert FILE.read_bytes() == before


REFUSED = {
    "another network": (["wide.pt"], "wide.pt: another architecture: time_embed.0.weight is (64, 16) for (32, 8)"),
    "no number": (["raw.pt"], "--batches: how many was it trained for? The name of raw.pt does not end with"),
    "another file of another network": (["ema_0.9999_020000.pt", "wide.pt"], "wide.pt: another architecture"),
    "missing": (["no-1000.pt"], "no-1000.pt: cannot be read"),
    "a method": (["ema_0.9999_020000.pt", "--method", "ddpm"], "suites.imported.imported: unknown method"),
    "no batches": (["raw.pt", "--batches", "0"], "batches: 0"),
    "braces": (["{x}1000.pt"], "has braces"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_in_a_line_and_leaves_no_scale(capsys, what):
    words, said = REFUSED[what]
    torch.save(network(channels=16, num_groups=8).state_dict(), "wide.pt")
    torch.save(network().state_dict(), "{x}1000.pt")
    assert adopt(*words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and not FILE.exists()


@pytest.mark.workflow
def test_one_command_leads_from_a_folder_of_diffusers_to_its_cells(tmp_path):
    checkout = Checkout(tmp_path / "atbench")
    write_folder(checkout.folder / "pipeline", network().state_dict(), network().config)
    command = ["atbench", "adopt", "mine", "pipeline", "--like", "ci", "--batches", "5", "--run"]
    checkout.run(*command)
    cells = sorted(
        path.name for path in (checkout.folder / "results/mine/imported/adm/seed0/final").glob("*-nfe*.json")
    )
    nfe = load("ci").file.nfe
    assert cells == sorted(f"{s}-nfe{n}.json" for s in ("iddpm", "ddim", "es", "dpm-solver") for n in nfe)
    assert (checkout.folder / "results/mine/tables/imported.md").exists()
    checkout.run(*command)  # goes on, or has nothing to do
    torch.save(network().state_dict(), checkout.folder / "other.pt")
    assert "is there already" in checkout.run(*command[:3], "other.pt", *command[4:], expect=2)
