# Tables and figures, a job per suite, and the tidy file of all cells. They read JSON only.
SEED_OPTION = " ".join(["--seeds", *map(str, SEEDS)]) if SEEDS else ""
ROWS_FILE = existing([str(plan.rows_path(BENCHMARK))])


def artefacts_of(suites):
    return [f"{ROOT}/{path}" for path in or_stop(outputs, BENCHMARK, suites)]


def labelled(path):
    """A table or figure with its place in Snakemake's HTML report."""
    stem, kind = Path(path).stem, Path(path).suffix[1:]
    suite = max((name for name in SUITES if stem.startswith(name)), key=len, default="all suites")
    return report(
        path,
        caption=f"../captions/{'table' if '/tables/' in path else 'figure'}.rst",
        category=BENCHMARK.suites.get(suite, {"title": suite})["title"],
        labels={"artefact": stem, "format": kind},
    )


for suite in SUITES:

    # A rule for the suite as a whole, under its own name: snakemake scratch
    rule:
        name:
            suite.replace("-", "_")
        input:
            artefacts_of([suite]),
            existing(cells_of(suite)),

    rule:
        name:
            f"report_{suite}".replace("-", "_")
        input:
            existing(cells_of(suite)),
            ROWS_FILE,
        output:
            [labelled(path) for path in artefacts_of([suite]) if not path.endswith("tables/cells.csv")],
        log:
            f"{ROOT}/tables/{suite}.log",
        params:
            scale=SCALE,
            suite=suite,
            root=ROOT,
            seeds=SEED_OPTION,
        conda:
            "../../environment.yml"
        shell:
            "python -m atbench report --scale {params.scale} --root {params.root} --suites {params.suite} {params.seeds}"
            " --only {output} > {log} 2>&1"


rule tidy:
    input:
        EVERY_CELL,
    output:
        labelled(f"{ROOT}/tables/cells.csv"),
    log:
        f"{ROOT}/tables/cells.log",
    params:
        scale=SCALE,
        suites=SUITES,
        root=ROOT,
        seeds=SEED_OPTION,
    conda:
        "../../environment.yml"
    shell:
        "python -m atbench report --scale {params.scale} --root {params.root} --suites {params.suites} {params.seeds}"
        " --only {output} > {log} 2>&1"
