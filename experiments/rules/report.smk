# Tables and figures, a job per suite; across suites the tidy file of all cells and the verdicts. They read JSON only.
# Cells of suites beside the chosen ones are shown where they are there, but never made: keys of a rule, not its input.
WHERE = ["--scale", SETTINGS.scale, *(["--released"] if CACHED else [])]
SEED_OPTION = ["--seeds", *map(str, SETTINGS.seeds)] if SETTINGS.seeds else []
SHOWN_MEASURES = [  # what the chosen suites show beside their cells
    *(f"{ROOT}/{name}.json" for name in probes_of_scales()),
    *(
        path
        for name, suites in MEASURED.items()
        if PAGES[name]
        for s in suites
        for path in existing(JOBS.measured(name, s))
    ),
]
PUBLISHED = list(map(str, visible("experiments/paper", "*.csv")))
OF_SUITE = {suite: [f"{ROOT}/{path}" for path in or_stop(outputs_of, BENCHMARK, suite)] for suite in JOBS.with_grid}
TIDY, CLAIMS = f"{ROOT}/tables/cells.csv", f"{ROOT}/tables/claims.csv"  # what stands for the pages of their rules
PAGE = f"{address.ROOT}/{SETTINGS.scale}/{address.PAGE}"

# A suite is a target under its own name: snakemake scratch
for suite in JOBS.with_grid:

    rule:
        name:
            suite.replace("-", "_")
        input:
            existing(JOBS.evaluations([suite])),
            partial(cells_of, suites=[suite], pages=OF_SUITE[suite]),
            existing(JOBS.rows(suite)),
        output:
            [labelled(path, BENCHMARK.suite(suite).title) for path in OF_SUITE[suite]],
        log:
            f"{ROOT}/tables/{suite}.log",
        group:
            together("report")
        conda:
            ENVIRONMENT
        params:
            where=WHERE,
            suite=suite,
            seeds=SEED_OPTION,
        shell:
            "python -m atbench report {params.where:q} --suites {params.suite:q} {params.seeds:q}"
            " --only {output:q} > {log:q} 2>&1"


# Side measures of runs, a job per suite; the target of a measure makes what it shows of all chosen suites.
for name in [name for name, paths in PAGES.items() if paths and name in MEASURED]:

    rule:
        name:
            f"{name}_of_suite"
        input:
            lambda wildcards, name=name: existing(JOBS.measured(name, wildcards.suite)),
        output:
            [
                labelled(path, lambda wildcards: BENCHMARK.suite(wildcards.suite).title)
                for path in pages(probes_of_runs()[name], ["{suite}"])
            ],
        log:
            f"{ROOT}/tables/{{suite}}-{name}.log",
        wildcard_constraints:
            suite=one_of(probes_of_runs()[name].suites(BENCHMARK)),
        group:
            together("report")
        conda:
            ENVIRONMENT
        params:
            where=WHERE,
            seeds=SEED_OPTION,
        shell:
            "python -m atbench report {params.where:q} --suites {wildcards.suite:q} {params.seeds:q}"
            " --only {output:q} > {log:q} 2>&1"

    rule:
        name:
            name
        input:
            PAGES[name],
            PAGES["mixture"] if name == "mismatch" else [],  # the same mismatch where it is known in closed form
        localrule: True


# Those of the scale are targets themselves.
for name in [name for name, paths in PAGES.items() if paths and name not in MEASURED]:

    rule:
        name:
            name
        input:
            f"{ROOT}/{name}.json",
        output:
            [labelled(path) for path in PAGES[name]],
        log:
            f"{ROOT}/tables/{name}.log",
        group:
            together("report")
        conda:
            ENVIRONMENT
        params:
            where=WHERE,
            suites=SUITES,
        shell:
            "python -m atbench report {params.where:q} --suites {params.suites:q} --only {output:q} > {log:q} 2>&1"


rule tidy:
    input:
        existing(JOBS.evaluations(SUITES)),
        partial(cells_of, suites=SUITES, pages=[TIDY]),
    output:
        labelled(TIDY),
    log:
        f"{ROOT}/tables/cells.log",
    group:
        together("report")
    conda:
        ENVIRONMENT
    params:
        where=WHERE,
        suites=SHOWN,
        seeds=SEED_OPTION,
        beside=lambda wildcards: content_of(JOBS.cells(BESIDE)),
    shell:
        "python -m atbench report {params.where:q} --suites {params.suites:q} {params.seeds:q}"
        " --only {output:q} > {log:q} 2>&1"


# All of it as one page to be opened in a browser, a target of its own.
rule report_page:
    input:
        existing(JOBS.evaluations(SUITES)),
        partial(cells_of, suites=SUITES, pages=[PAGE]),
        PUBLISHED,
    output:
        labelled(PAGE),
    log:
        f"{address.ROOT}/{SETTINGS.scale}/report.log",
    group:
        together("report")
    conda:
        ENVIRONMENT
    params:
        where=WHERE,
        suites=SHOWN,
        seeds=SEED_OPTION,
        beside=lambda wildcards: content_of(JOBS.cells(BESIDE) + SHOWN_MEASURES),
    shell:
        "python -m atbench report {params.where:q} --suites {params.suites:q} {params.seeds:q}"
        " --html {output:q} > {log:q} 2>&1"


rule claims:
    input:
        existing(JOBS.evaluations(SUITES)),
        partial(cells_of, suites=SUITES, pages=[CLAIMS]),
        PUBLISHED,
    output:
        [labelled(f"{ROOT}/{path}") for path in or_stop(verdict_pages, BENCHMARK, SUITES)],
    log:
        f"{ROOT}/tables/claims.log",
    group:
        together("report")
    conda:
        ENVIRONMENT
    params:
        where=WHERE,
        suites=SHOWN,
        seeds=SEED_OPTION,
        # Made again when the claims change, and when what they compare beside the cells of the chosen suites does.
        key=digest(
            [
                {name: claim.written() for name, claim in BENCHMARK.claims.items()},
                [question.written() for question in BENCHMARK.questions],
            ]
        ),
        beside=lambda wildcards: content_of(JOBS.cells(BESIDE) + SHOWN_MEASURES),
    shell:
        "python -m atbench report {params.where:q} --suites {params.suites:q} {params.seeds:q}"
        " --only {output:q} > {log:q} 2>&1"
