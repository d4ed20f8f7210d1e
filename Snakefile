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
    tables,
    figures,


rule all:
    default_target: True
    input:
        REPORT,
        existing(JOBS.evaluations(SUITES)),
        partial(cells_of, suites=SUITES),


rule cells:
    input:
        existing(JOBS.evaluations(SUITES)),
        partial(cells_of, suites=SUITES),


rule tables:
    input:
        [path for path in REPORT if "/tables/" in path],


rule figures:
    input:
        [path for path in REPORT if "/figures/" in path],


# With cached=1 only the report rules exist: nothing missing can schedule a training job.
if not CACHED:

    include: "experiments/rules/compute.smk"


include: "experiments/rules/report.smk"
