"""Folders of diffusers as runs: evaluated like any other, and refused by the key or tensor that does not fit."""

import json
import shutil
from pathlib import Path

import pytest
import test_checkpoints
import torch
import yaml
from diffusers import UNet2DModel
from safetensors.torch import load_file, save_file
from test_checkpoints import ADM, NETWORK, atbench, declare, refused, same, weights

from atbench.models.diffusers_config import CLASS
from atbench.models.diffusers_folder import SCHEDULER, WEIGHTS, write_folder
from atbench.models.weights import build, load_model
from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record
from atbench.spec import load
from atbench.spec.address import Run
from atbench.spec.load import load_run
from atbench.spec.records import CellForm
from atbench.tasks import train as training
from atbench.tasks.evaluate import evaluate
from atbench.tasks.reference import reference

experiments = test_checkpoints.experiments
FILE = f"unet/{WEIGHTS[0]}"
AVERAGE, PLAIN = (Path(name, FILE) for name in ("average", "plain"))


@pytest.fixture
def folders(experiments):
    """Two pipelines below the current folder, and a ci scale that declares their weights."""
    for seed, file in enumerate((AVERAGE, PLAIN)):
        write_folder(file.parent.parent, weights(seed), full(NETWORK))
    declare(experiments, ema=AVERAGE, raw=PLAIN)
    return experiments


def full(network: dict) -> dict:
    """The constructor arguments of a network with those that nobody wrote."""
    return build("unet", network).config


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_two_folders_become_a_run_bit_for_bit_and_leave_as_they_came(folders):
    atbench("import-weights", "plain", "average", ADM)
    assert same(load_model(ADM.weights(), "unet").state_dict(), weights(0))
    assert read_record(ADM.record)["imported"] == {"ema": WEIGHTS[0], "raw": WEIGHTS[0]}
    for file, options in ((AVERAGE, []), (PLAIN, ["--raw"])):
        atbench("export-weights", f"{ADM}/final", "again", "--diffusers", *options)
        for name in (FILE, "unet/config.json", str(SCHEDULER), "model_index.json"):
            assert Path("again", name).read_bytes() == (file.parent.parent / name).read_bytes()


def test_a_checkpoint_of_guided_diffusion_goes_on_to_diffusers(experiments):
    atbench("import-weights", *test_checkpoints.FILES.values(), ADM)
    atbench("export-weights", f"{ADM}/final", "pipeline", "--diffusers")
    model, ours = UNet2DModel.from_pretrained("pipeline", subfolder="unet").eval(), build("unet", NETWORK).eval()
    ours.load_state_dict(torch.load(test_checkpoints.FILES["ema"], weights_only=True))
    x, t = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([3.0, 700.0])
    with torch.no_grad():
        assert float((model(x, t).sample - ours(x, t)).abs().max()) < 1e-5


@pytest.mark.parametrize("given", ["average", "average/unet", str(AVERAGE)])
def test_pipeline_folder_its_network_or_the_file_itself_become_a_weights_file(folders, capsys, given):
    atbench("import-weights", given, "converted", "--scale", "ci")
    assert capsys.readouterr().out.strip() == "converted/weights.safetensors"
    assert same(load_model("converted/weights.safetensors", "unet").state_dict(), weights(0))


def test_a_class_conditional_folder_brings_its_number_of_classes(experiments):
    write_folder(Path("labelled"), weights(0, num_classes=10), full(NETWORK | {"num_classes": 10}))
    file, run = experiments / "scales/ci.yaml", Run("ci", "imported-class-conditional", "adm", 0)
    content = yaml.safe_load(file.read_text())
    entry = {"batches": 5, "ema": {"path": f"labelled/{FILE}", "sha256": file_hash(f"labelled/{FILE}")}}
    content["suites"][run.suite] = {"seeds": [0], "imported": {"adm": entry}}
    file.write_text(yaml.safe_dump(content))
    load.load.cache_clear()
    atbench("import-weights", "labelled", run)
    assert load_model(run.weights(), "unet").num_classes == 10


def test_a_network_without_variance_is_sampled_with_a_fixed_one(experiments, capsys):
    """As most of diffusers' networks are; a sampler that needs a variance must be given one."""
    write_folder(Path("plain"), weights(0, learn_sigma=False), full(NETWORK | {"learn_sigma": False}))
    declare(experiments, ema=PLAIN)
    file = experiments / "scales/ci.yaml"
    content = yaml.safe_load(file.read_text())
    content["suites"]["finetune"]["init"] = "scratch/adm"
    content["suites"]["imported"]["model"] = NETWORK | {"learn_sigma": False}
    file.write_text(yaml.safe_dump(content))
    load.load.cache_clear()
    words = refused(capsys, "import-weights", "plain", ADM)
    assert "experiments/scales/ci.yaml: suites.imported.sampling.iddpm.variance: missing" in words
    content["suites"]["imported"]["sampling"] = {name: {"variance": 0.0} for name in ("iddpm", "es")}
    file.write_text(yaml.safe_dump(content))
    load.load.cache_clear()
    atbench("import-weights", "plain", ADM)
    benchmark = load.load("ci")
    training.train(benchmark.extractor_run)
    reference(benchmark.suite("imported"))
    cells = [load_run(ADM).cell("final", sampler, 5) for sampler in ("ddim", "iddpm", "es", "dpm-solver")]
    evaluate(cells)
    assert all(CellForm.read(cell.address.path)["counts"]["nfe"] == 5 for cell in cells)


CONFIGS = {  # key: a value that is not ours
    CLASS: "UNet2DConditionModel",
    "resnet_time_scale_shift": "default",
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "time_embedding_type": "fourier",
    "upsample_type": "conv",
    "block_out_channels": [16, 16],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UNetResUpBlock2D"],
    "layers_per_block": True,
    "attention_head_dim": None,
    "norm_num_groups": 2,
    "attn_norm_num_groups": None,
    "norm_eps": 1e-6,
    "act_fn": "gelu",
    "add_attention": False,
    "mid_block_scale_factor": 2,
    "center_input_sample": True,
    "num_class_embeds": 10,
    "sample_size": 64,
    "out_channels": 1,
    "cross_attention_dim": 768,
}


@pytest.mark.parametrize("key", CONFIGS)
def test_another_architecture_is_refused_by_the_key_that_does_not_fit(folders, capsys, key):
    edit(AVERAGE.parent / "config.json", **{key: CONFIGS[key]})
    words = refused(capsys, "import-weights", "average", "converted", "--scale", "ci")
    assert words.startswith(f"atbench: average/unet/config.json: {key}") and not Path("converted").exists()


def test_an_absent_key_stands_for_the_default_of_diffusers(folders, capsys):
    file = AVERAGE.parent / "config.json"
    config = json.loads(file.read_text())
    for key in ("freq_shift", "act_fn", "norm_eps"):
        del config[key]
    file.write_text(json.dumps(config))
    atbench("import-weights", "average", "converted", "--scale", "ci")
    del config["norm_num_groups"]
    file.write_text(json.dumps(config))
    assert "norm_num_groups is 32, its default" in refused(
        capsys, "import-weights", "average", "other", "--scale", "ci"
    )


@pytest.mark.parametrize(
    "same_thing",
    [
        {"act_fn": "swish"},
        {"sample_size": None},
        {"sample_size": [8, 8]},
        {"time_embedding_dim": 32},
        {"down_block_types": ["ResnetDownsampleBlock2D", "AttnDownBlock2D"]},
        {"up_block_types": ["AttnUpBlock2D", "UpBlock2D"]},
        {"downsample_type": "conv", "dropout": 0.5},
    ],
    ids=str,
)
def test_another_spelling_of_the_same_network_is_read(folders, same_thing):
    """Downsampling by a convolution is of levels with attention; here the upper one has none."""
    edit(AVERAGE.parent / "config.json", **same_thing)
    x, t = torch.ones(1, 1, 8, 8), torch.tensor([5.0])
    with torch.no_grad():
        ours = build("unet", NETWORK).eval()
        ours.load_state_dict(weights(0))
        theirs = UNet2DModel.from_pretrained("average", subfolder="unet").eval()
        assert float((theirs(x, t).sample - ours(x, t)).abs().max()) < 1e-5
    atbench("import-weights", "average", "converted", "--scale", "ci")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beta_schedule": "linear"}, "beta_schedule is 'linear', allowed: 'squaredcos_cap_v2'"),
        ({"trained_betas": [0.1] * 1000}, "trained_betas: not those of the cosine schedule"),
        ({"trained_betas": [[]]}, "trained_betas: not those of the cosine schedule"),
        ({"prediction_type": "v_prediction"}, "prediction_type is 'v_prediction', allowed: 'epsilon'"),
        ({"num_train_timesteps": 100}, "num_train_timesteps is 100, allowed: 1000"),
        ({"variance_type": "learned"}, "variance_type is 'learned', allowed: 'learned_range'"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr is True"),
    ],
)
def test_a_network_of_another_diffusion_process_is_refused(folders, capsys, changes, words):
    edit(Path("average") / SCHEDULER, **changes)
    line = refused(capsys, "import-weights", "average", "converted", "--scale", "ci")
    assert line.startswith(f"atbench: average/{SCHEDULER}: {words}")


def test_the_scheduler_is_found_from_within_the_folder_too(folders, capsys, monkeypatch):
    edit(Path("average") / SCHEDULER, beta_schedule="linear")
    monkeypatch.chdir("average/unet")
    assert "beta_schedule is 'linear'" in refused(capsys, "import-weights", WEIGHTS[0], "converted", "--scale", "ci")


def spoil(change):
    tensors = load_file(AVERAGE)
    change(tensors)
    save_file(tensors, AVERAGE)


BAD = {
    "NaN": (lambda: spoil(lambda t: t["conv_in.bias"].fill_(torch.nan)), "conv_in.bias holds NaN"),
    "missing": (lambda: spoil(lambda t: t.pop("conv_in.bias")), "conv_in.bias is missing"),
    "unknown": (lambda: spoil(lambda t: t.update(x=torch.ones(2))), "x (2,) is unknown"),
    "shape": (lambda: spoil(lambda t: t.update({"conv_in.bias": torch.ones(3)})), "conv_in.bias is (3,) for (8,)"),
    "half": (lambda: spoil(lambda t: t.update({n: v.half() for n, v in t.items()})), "is F16, expected F32"),
    "named twice": (
        lambda: spoil(lambda t: t.update({n.replace("to_q", "query"): v + 1 for n, v in t.items() if "to_q" in n})),
        "under its present names and under its earlier ones",
    ),
    "cut off": (lambda: AVERAGE.write_bytes(AVERAGE.read_bytes()[:-8]), "not a readable weights file"),
    "empty": (lambda: AVERAGE.write_bytes(b""), "the file is empty"),
    "never fetched": (
        lambda: AVERAGE.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
        "a Git LFS pointer",
    ),
    "no config": (lambda: (AVERAGE.parent / "config.json").unlink(), "average/unet/config.json: cannot be read"),
    "no weights": (lambda: AVERAGE.unlink(), "average/unet: holds no weights of diffusers: neither diffusion_pytorch"),
    "a config of brackets": (lambda: (AVERAGE.parent / "config.json").write_text("[" * 10_000), "not valid JSON"),
    "a folder in place of the file": (lambda: (AVERAGE.unlink(), AVERAGE.mkdir()), "a folder, not a file"),
    "no network": (lambda: shutil.rmtree(AVERAGE.parent), "average: holds no weights of diffusers"),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_folder_is_refused_in_one_line(folders, capsys, how):
    harm, words = BAD[how]
    harm()
    line = refused(capsys, "import-weights", "average", "converted", "--scale", "ci")
    assert words in line and "average" in line and not Path("converted").exists()


def test_only_declared_folders_become_a_run(folders, capsys):
    write_folder(Path("other"), weights(5), full(NETWORK))
    assert f"other/{FILE}: SHA-256" in refused(capsys, "import-weights", "other", ADM)


def test_what_no_scheduler_samples_as_we_do_is_not_exported(folders, capsys):
    for suite, method, words in (
        ("edm", "edm", "trained by denoising"),
        ("consistency", "cm", "trained by consistency"),
        ("latent", "ldm", "works on latents"),
    ):
        run = Run("ci", suite, method, 0)
        line = refused(capsys, "export-weights", f"{run}/final", "pipeline", "--diffusers")
        assert f"{run}: " in line and words in line and not Path("pipeline").exists()
