# Training, reference and evaluation. The shell lines stay short: a change in their text reruns every job of the rule.
EXTRACTOR = plan.extractor_run(BENCHMARK)
TUNED_SUITES = search.suites(BENCHMARK)


DECLARED = {run.path.parent: run for suite in BENCHMARK.sizes["suites"] for run in or_stop(plan.runs, BENCHMARK, suite)}
CANDIDATES = {run.path.parent: run for suite in TUNED_SUITES for run in or_stop(search.candidates, BENCHMARK, suite)}

for run in (DECLARED | CANDIDATES).values():
    PATH, STEPS, NAME, GRIDS = train_and_evaluate(run)
    REFERENCE = str(plan.reference_path(BENCHMARK, run.suite))

    if plan.checkpoint(BENCHMARK, run):

        rule:
            name:
                f"import_{NAME}"
            input:
                plan.checkpoint_files(BENCHMARK, run),
            output:
                weights_of(PATH, STEPS),
                f"{PATH}/final/state.pt",
                f"{PATH}/config.json",
            log:
                f"{PATH}/import.log",
            conda:
                "../../environment.yml"
            params:
                run=PATH,
                key=partial(training_key, suite=run.suite, method=run.method),
            shell:
                "python -m atbench import-weights {input} {params.run} > {log} 2>&1"

    else:

        rule:
            name:
                f"train_{NAME}"
            input:
                partial(parent_files, suite=run.suite, method=run.method),
            output:
                weights_of(PATH, STEPS),
                f"{PATH}/final/state.pt",
                f"{PATH}/final/train.jsonl",
                f"{PATH}/config.json",
            log:
                f"{PATH}/train.log",
            benchmark:
                f"{PATH}/train.tsv"
            conda:
                "../../environment.yml"
            threads: THREADS
            resources:
                **asked_for(run.suite, partial(training_minutes, suite=run.suite, method=run.method)),
            params:
                run=PATH,
                key=partial(training_key, suite=run.suite, method=run.method),
            shell:
                f"{IN_TIME}python -m atbench train {{params.run}} > {{log}} 2>&1"

    # The grid, and what of the wider one lies beyond it: a job each.
    for KIND, GRID in GRIDS.items():

        rule:
            name:
                f"{KIND}_{NAME}"
            input:
                weights_of(PATH, STEPS),
                f"{PATH}/config.json",
                REFERENCE,
                autoencoder_of(run),
            output:
                update(GRID),
            log:
                f"{PATH}/{KIND}.log",
            group:
                group_of(run, KIND)
            conda:
                "../../environment.yml"
            threads: THREADS
            resources:
                **asked_for(run.suite, partial(evaluation_minutes, suite=run.suite, method=run.method, kind=KIND)),
            params:
                key=partial(evaluation_key, suite=run.suite, method=run.method),
            shell:
                "python -m atbench evaluate {output} > {log} 2>&1"

    if GRIDS:

        rule:
            name:
                f"cell_{NAME}"
            input:
                weights_of(PATH, STEPS),
                f"{PATH}/config.json",
                REFERENCE,
                autoencoder_of(run),
            output:
                f"{PATH}/{{step}}/{{sampler}}-nfe{{nfe}}.json",
            log:
                f"{PATH}/{{step}}/{{sampler}}-nfe{{nfe}}.log",
            group:
                group_of(run)
            conda:
                "../../environment.yml"
            threads: THREADS
            resources:
                **asked_for(run.suite, partial(evaluation_minutes, suite=run.suite, method=run.method)),
            params:
                key=partial(evaluation_key, suite=run.suite, method=run.method),
            shell:
                "python -m atbench evaluate {output} > {log} 2>&1"

        workflow.ruleorder(*[f"{kind}_{NAME}" for kind in (("cell", *GRIDS) if ONE_CELL else (*GRIDS, "cell"))])


# What cells are judged by: a job per set of real images, under the name of a suite that uses them.
for suite in or_stop(plan.references, BENCHMARK).values():
    ROWS = str(plan.rows_path(BENCHMARK, suite))

    rule:
        name:
            f"reference_{suite}".replace("-", "_")
        input:
            [str(EXTRACTOR.weights())] if EXTRACTOR else [],
        output:
            str(plan.reference_path(BENCHMARK, suite)),
            ROWS,
        log:
            str(Path(ROWS).with_suffix(".log")),
        conda:
            "../../environment.yml"
        threads: BENCHMARK.sizes["threads"]
        resources:
            **asked_for(suite, asked.reference_minutes(BENCHMARK, suite)),
        params:
            scale=SCALE,
            suite=suite,
            key=digest(slices.suite_judging(BENCHMARK, suite)),
        shell:
            "python -m atbench reference --scale {params.scale} {params.suite} > {log} 2>&1"


# What the latent space of a suite can show at best.
LATENT_SUITES = [name for name in BENCHMARK.sizes["suites"] if plan.is_latent(BENCHMARK, name)]

for suite in {plan.reconstruction_path(BENCHMARK, name): name for name in LATENT_SUITES}.values():

    rule:
        name:
            f"reconstruction_{suite}".replace("-", "_")
        input:
            str(plan.reference_path(BENCHMARK, suite)),
            autoencoder_of(plan.runs(BENCHMARK, suite)[0]),
        output:
            str(plan.reconstruction_path(BENCHMARK, suite)),
        log:
            str(plan.reconstruction_path(BENCHMARK, suite).with_suffix(".log")),
        conda:
            "../../environment.yml"
        threads: BENCHMARK.sizes["threads"]
        resources:
            **asked_for(suite, asked.reference_minutes(BENCHMARK, suite)),
        params:
            scale=SCALE,
            suite=suite,
        shell:
            "python -m atbench reconstruction --scale {params.scale} {params.suite} > {log} 2>&1"


# The mismatch between training and sampling, measured at the last step of the runs of some suites.
for run in [run for run in DECLARED.values() if run.suite in BENCHMARK.mismatch["suites"]]:
    PATH, _, NAME, _ = train_and_evaluate(run)

    rule:
        name:
            f"mismatch_{NAME}"
        input:
            weights_of(PATH, [addresses.FINAL]),
            f"{PATH}/config.json",
        output:
            f"{PATH}/{addresses.FINAL}/mismatch.json",
        log:
            f"{PATH}/{addresses.FINAL}/mismatch.log",
        conda:
            "../../environment.yml"
        threads: BENCHMARK.sizes["threads"]
        resources:
            # About as many passes of the network as its cells.
            **asked_for(run.suite, partial(evaluation_minutes, suite=run.suite, method=run.method)),
        params:
            run=lambda wildcards, output: Path(output[0]).parent.parent,
            key=partial(mismatch_key, suite=run.suite, method=run.method),
        shell:
            "python -m atbench mismatch {params.run} > {log} 2>&1"


# The loss on held-out images before and after training, by address only: no table shows it.
for run in [run for run in DECLARED.values() if run.suite in BENCHMARK.heldout["suites"]]:
    PATH, _, NAME, _ = train_and_evaluate(run)

    rule:
        name:
            f"heldout_{NAME}"
        input:
            partial(parent_files, suite=run.suite, method=run.method),
            weights_of(PATH, [addresses.FINAL]),
            f"{PATH}/config.json",
        output:
            f"{PATH}/{addresses.FINAL}/heldout.json",
        log:
            f"{PATH}/{addresses.FINAL}/heldout.log",
        conda:
            "../../environment.yml"
        threads: BENCHMARK.sizes["threads"]
        resources:
            **asked_for(run.suite, partial(evaluation_minutes, suite=run.suite, method=run.method)),
        params:
            run=lambda wildcards, output: Path(output[0]).parent.parent,
            key=partial(heldout_key, suite=run.suite, method=run.method),
        shell:
            "python -m atbench heldout {params.run} > {log} 2>&1"


# The same mismatch where it is known: in closed form, with no network and no run.
rule mixture:
    output:
        f"{ROOT}/mixture.json",
    log:
        f"{ROOT}/mixture.log",
    conda:
        "../../environment.yml"
    params:
        scale=SCALE,
        key=measures.mixture_digest(BENCHMARK),
    shell:
        "python -m atbench mixture --scale {params.scale} > {log} 2>&1"


# What training costs: alone on the machine, or its times are those of a busy one.
rule measure_cost:
    output:
        f"{ROOT}/cost.json",
    log:
        f"{ROOT}/cost.log",
    conda:
        "../../environment.yml"
    threads: lambda wildcards: workflow.cores  # asked late: --report has no cores
    resources:
        gpu=asked.gpus(BENCHMARK.sizes["queue"]["gpu"]),
    params:
        scale=SCALE,
        key=lambda wildcards: measures.cost_digest(BENCHMARK),
    shell:
        "python -m atbench cost --scale {params.scale} > {log} 2>&1"


# The tuning search: a target of its own, `snakemake tune`, whose winners stand in the scale's `tuned:` block.
for suite in TUNED_SUITES:

    rule:
        name:
            f"tune_{suite}".replace("-", "_")
        input:
            [str(cell) for run in search.candidates(BENCHMARK, suite) for cell in plan.cells(BENCHMARK, run)],
        output:
            f"{ROOT}/tuning/{suite}.json",
        log:
            f"{ROOT}/tuning/{suite}.log",
        conda:
            "../../environment.yml"
        params:
            scale=SCALE,
            suite=suite,
        shell:
            "python -m atbench tune --scale {params.scale} {params.suite} > {log} 2>&1"


rule tune:
    input:
        expand(f"{ROOT}/tuning/{{suite}}.json", suite=TUNED_SUITES),
