"""Every rule of the paper's graph by Snakemake, on the paper's own networks: part of `make smoke-paper`.

Two batches of training and eight images at NFE 5. Small besides: the files, of the real formats; Stable Diffusion, a
tiny one in its real format; features, of EfficientNet-Lite0, which needs no download; the class-conditional methods,
ADM and ADM-AT alone; and the l2 distance in place of LPIPS, whose weights are a download.
"""

import json
import re
import time

import pandas as pd
import smoke_paper
import text_to_image_files
import yaml
from checkout import Checkout, edit

from atbench.tasks.pretrained import CLIP_VARIABLE, PIPELINE_VARIABLE

PARAMETERS = {"scratch": 57_094_662, "finetune": 57_094_662, "class-conditional": 295_904_454}
SMALL = {"batches": 2, "snapshots": 1, "seeds": [0]}
SHORT = {"nfe": {"cm": [1, 2], "ddim": [2], "heun": [3]}}, {"nfe": {"lcm": [1, 4], "ddim-guided": [4]}}


def smoke_scale(data: dict, world) -> dict:
    """The scale `paper`, everything about its amounts and places replaced and nothing about its networks."""
    suites = {suite: SMALL | {"training": {"batch_size": 4}} for suite in ("scratch", "finetune", "edm", "consistency")}
    suites["consistency"]["training"] = {"batch_size": 4, "distillation": {"distance": {"kind": "l2"}}}
    suites["class-conditional"] = SMALL | {"training": {"batch_size": 2}, "data": data["class-conditional"]}
    images = {"resolution": text_to_image_files.SIDE}
    judged = {"path": f"{world}/coco/val2014", "annotations": f"{world}/coco/annotations/captions_val2014.json"}
    suites["latent-consistency"] = SMALL | {
        "model": {"image_size": 8},
        "training": {"batch_size": 4},
        "data": images | {"path": f"{world}/shards"},
        "judged_by": images | judged | {"prompts": text_to_image_files.PROMPTS},
        "evaluation": {"samples": 64},
    }
    few = smoke_paper.FEW | {"block": smoke_paper.SAMPLES}
    return {
        "extends": "paper",
        "data": data["scratch"],
        "nfe": [smoke_paper.NFE],
        "threads": 1,
        "evaluation": few,
        "extractor": "effnet-lite0",
        "cross_checks": None,
        "suites": suites,
        "tuned": {suite: {} for suite in suites},
    }


def test_every_rule_of_the_graph(tmp_path, world, monkeypatch):
    clone = Checkout(tmp_path / "atbench")
    experiments = clone.folder / "experiments"
    # Its type asks for as many samples as mean something.
    scale = clone.folder / "atbench/spec/models/scale.py"
    scale.write_text(
        scale.read_text().replace("samples: Annotated[int, Field(ge=64)]", "samples: Annotated[int, Field(ge=8)]")
    )
    edit(experiments / "suites/class-conditional.yaml", lambda content: content.update(methods=["adm", "at"]))
    for suite, short in zip(("consistency", "latent-consistency"), SHORT):
        edit(experiments / f"suites/{suite}.yaml", lambda content, short=short: content.update(short))
    data = smoke_paper.small_data(tmp_path / "data")
    (experiments / "scales/smoke.yaml").write_text(yaml.safe_dump(smoke_scale(data, world)))
    monkeypatch.setenv(PIPELINE_VARIABLE, str(world / "pipeline"))
    monkeypatch.setenv(CLIP_VARIABLE, str(world / "clip"))
    begin = time.perf_counter()
    output = clone.snakemake("--resources", "gpu=2", scale="smoke", config=("device=cpu",))
    assert "(100%) done" in output
    print(f"{len(re.findall('Finished jobid', output))} jobs: {time.perf_counter() - begin:.0f} s", flush=True)
    results = clone.folder / "results/smoke"
    for suite, parameters in PARAMETERS.items():
        for file in results.glob(f"{suite}/*/seed0/config.json"):
            assert json.loads(file.read_text())["parameters"] == parameters
    cells = pd.read_csv(results / "tables/cells.csv")
    assert set(cells.suite) == {*PARAMETERS, "consistency", "latent-consistency"} and set(cells.status) == {"done"}
    assert set(cells.nfe[cells.suite.isin(PARAMETERS)]) == {smoke_paper.NFE}
