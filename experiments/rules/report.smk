# Tables and figures, a job per suite; across suites the tidy file of all cells and the verdicts. They read JSON only.
# Cells of suites outside SUITES are shown where they are there, but never made: keys of a rule, not its input.
SEED_OPTION = " ".join(["--seeds", *map(str, SEEDS)]) if SEEDS else ""
WHERE = "--released" if CACHED else ""

for suite in WITH_GRID:

    # A rule for the suite as a whole, under its own name: snakemake scratch
    rule:
        name:
            suite.replace("-", "_")
        input:
            of_suite(suite),
            existing(cells_of(suite)),

    rule:
        name:
            f"report_{suite}".replace("-", "_")
        input:
            existing(cells_of(suite)),
            existing(reference_rows(suite)),
        output:
            [labelled(path) for path in of_suite(suite)],
        log:
            f"{ROOT}/tables/{suite}.log",
        group:
            "report"
        conda:
            "../../environment.yml"
        params:
            scale=SCALE,
            suite=suite,
            where=WHERE,
            seeds=SEED_OPTION,
        shell:
            "python -m atbench report --scale {params.scale} {params.where} --suites {params.suite} {params.seeds}"
            " --only {output} > {log} 2>&1"


# What targets of their own measure of a suite.
for target, suite in TARGETS:

    rule:
        name:
            f"report_{target}_{suite}".replace("-", "_")
        input:
            measured(target, suite),
        output:
            [labelled(path) for path in TARGETS[target, suite]],
        log:
            f"{ROOT}/tables/{suite}-{target}.log",
        group:
            "report"
        conda:
            "../../environment.yml"
        params:
            scale=SCALE,
            suite=suite,
            where=WHERE,
            seeds=SEED_OPTION,
        shell:
            "python -m atbench report --scale {params.scale} {params.where} --suites {params.suite} {params.seeds}"
            " --only {output} > {log} 2>&1"


# What a scale as a whole is measured for.
for kind in SCALE_WIDE:

    rule:
        name:
            f"report_{kind}"
        input:
            f"{ROOT}/{kind}.json",
        output:
            [labelled(path) for path in SCALE_WIDE[kind]],
        log:
            f"{ROOT}/tables/{kind}.log",
        group:
            "report"
        conda:
            "../../environment.yml"
        params:
            scale=SCALE,
            suites=SUITES,
            where=WHERE,
        shell:
            "python -m atbench report --scale {params.scale} {params.where} --suites {params.suites}"
            " --only {output} > {log} 2>&1"


rule tidy:
    input:
        EVERY_CELL,
    output:
        labelled(f"{ROOT}/tables/cells.csv"),
    log:
        f"{ROOT}/tables/cells.log",
    group:
        "report"
    conda:
        "../../environment.yml"
    params:
        scale=SCALE,
        suites=SHOWN,
        where=WHERE,
        seeds=SEED_OPTION,
        beside=content_of(BESIDE),
    shell:
        "python -m atbench report --scale {params.scale} {params.where} --suites {params.suites} {params.seeds}"
        " --only {output} > {log} 2>&1"


rule claims:
    input:
        EVERY_CELL,
        PUBLISHED,
    output:
        labelled(f"{ROOT}/tables/claims.csv"),
        labelled(f"{ROOT}/tables/claims.md"),
        labelled(f"{ROOT}/tables/claims.tex"),
        labelled(f"{ROOT}/tables/reviews.md"),
    log:
        f"{ROOT}/tables/claims.log",
    group:
        "report"
    conda:
        "../../environment.yml"
    params:
        scale=SCALE,
        suites=SHOWN,
        where=WHERE,
        seeds=SEED_OPTION,
        key=digest([BENCHMARK.claims, BENCHMARK.questions]),  # made again when the claims change
        beside=content_of([*BESIDE, f"{ROOT}/cost.json", *(path for key in TARGETS for path in measured(*key))]),
    shell:
        "python -m atbench report --scale {params.scale} {params.where} --suites {params.suites} {params.seeds}"
        " --only {output} > {log} 2>&1"
