# ATBench: every experiment of the benchmark as a target. Examples (all with --cores all):
#   snakemake                                     everything at the default scale
#   snakemake scratch                             one suite
#   snakemake mismatch (or cost, wide)            measures beside the default run
#   snakemake results/laptop/figures/scratch-quality-nfe.pdf      one figure
#   snakemake results/laptop/scratch/at/seed0/final/ddim-nfe10.json       one cell
from snakemake.utils import min_version

min_version("9.11")


configfile: "experiments/config.yaml"


report: "experiments/captions/workflow.rst"


include: "experiments/rules/common.smk"


localrules:
    all,
    cells,
    cost,
    tables,
    figures,
    mismatch,
    wide,


rule all:
    default_target: True
    input:
        REPORT,
        EVERY_CELL,


rule cells:
    input:
        EVERY_CELL,


rule tables:
    input:
        [path for path in REPORT if "/tables/" in path],


rule figures:
    input:
        [path for path in REPORT if "/figures/" in path],


rule mismatch:
    input:
        [path for (target, _), paths in TARGETS.items() if target == "mismatch" for path in paths],
        SCALE_WIDE.get("mixture", []),


rule wide:
    input:
        [path for (target, _), paths in TARGETS.items() if target == "wide" for path in paths],


rule cost:
    input:
        SCALE_WIDE.get("cost", []),


# With cached=1 only the report rules exist: nothing missing can schedule a training job.
if not CACHED:

    include: "experiments/rules/compute.smk"


include: "experiments/rules/report.smk"
