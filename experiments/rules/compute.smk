# Training, reference, evaluation and side measures. The shell lines stay short: a change in their text reruns every job of
# the rule. A job writes what it is named after, so that what fails leaves nothing behind that looks done.
IMPORTED = [suite for suite in BENCHMARK.suites if BENCHMARK.suite(suite).is_imported]
TRAINED = [suite for suite in BENCHMARK.suites if suite not in IMPORTED]
TRAINED += [SEARCH_PREFIX + suite for suite in BENCHMARK.searches]
# Inside a job that was submitted, training stops in time for the runtime that was asked for. Only there: Snakemake reruns
# a rule whose shell line is another than the one that the main process knew.
IN_TIME = f"{queue.TIME_LIMIT_VARIABLE}=$(({{resources.runtime}} - {queue.SPARE})) " if workflow.remote_exec else ""


rule train:
    input:
        parents,
    output:
        directory(f"{RUN}/weights"),
        f"{RUN}/final/state.pt",
        f"{RUN}/final/train.jsonl",
        f"{RUN}/config.json",
    log:
        f"{RUN}/train.log",
    benchmark:
        f"{RUN}/train.tsv"
    wildcard_constraints:
        suite=without(TAKEN.runs, one_of(TRAINED)),
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        gpu=JOBS.gpus,
        mem_mb=JOBS.memory,
        runtime=JOBS.training_minutes,
    params:
        run=JOBS.path,
        key=JOBS.training_key,
    shell:
        f"{IN_TIME}python -m atbench train {{params.run:q}} > {{log:q}} 2>&1"


# Runs whose weights are released are not trained again; whoever wants to gives --config retrain=1.
if TAKEN.runs:

    rule take:
        input:
            lambda wildcards: [ancient(path) for path in TAKEN.weights(wildcards)],
        output:
            directory(f"{RUN}/weights"),
            f"{RUN}/config.json",
        log:
            f"{RUN}/take.log",
        wildcard_constraints:
            suite=among(TAKEN.runs, one_of(TRAINED)),
        localrule: True
        conda:
            ENVIRONMENT
        params:
            run=JOBS.path,
            key=TAKEN.key,
        shell:
            "python -m atbench take {params.run:q} > {log:q} 2>&1"


if IMPORTED:

    rule import_weights:
        input:
            JOBS.checkpoints,
        output:
            directory(f"{RUN}/weights"),
            f"{RUN}/final/state.pt",
            f"{RUN}/config.json",
        log:
            f"{RUN}/import.log",
        wildcard_constraints:
            suite=one_of(IMPORTED),
        conda:
            ENVIRONMENT
        params:
            run=JOBS.path,
            key=JOBS.training_key,
        shell:
            "python -m atbench import-weights {input:q} {params.run:q} > {log:q} 2>&1"


# All declared cells of a run in one job, which keeps those that are current; its record says that it came to its end.
# A checkpoint, because methods differ in their cells: what shows them names them once they are there. From then on each
# is a file of the rule below, so that one that is deleted, or asked for again, is made alone.
checkpoint evaluate:
    input:
        JOBS.evaluated,
    output:
        f"{RUN}/evaluation.json",
    log:
        f"{RUN}/evaluate.log",
    group:
        together(JOBS.group)
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        gpu=JOBS.gpus,
        mem_mb=JOBS.memory,
        runtime=JOBS.evaluation_minutes,
    params:
        key=JOBS.evaluation_key,
    shell:
        "python -m atbench evaluate {output:q} > {log:q} 2>&1"


# A cell alone, on or off the grid.
rule cell:
    input:
        JOBS.judged_cell,
    output:
        f"{RUN}/{{step}}/{{sampler}}-nfe{{nfe}}.json",
    log:
        f"{RUN}/{{step}}/{{sampler}}-nfe{{nfe}}.log",
    group:
        together(JOBS.group)
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        gpu=JOBS.gpus,
        mem_mb=JOBS.memory,
        runtime=JOBS.evaluation_minutes,
    params:
        key=JOBS.cell_key,
    shell:
        "python -m atbench evaluate {output:q} > {log:q} 2>&1"


# Features and scores of the real images that some suites are judged by.
rule reference:
    input:
        JOBS.extractor,
    output:
        f"{ROOT}/reference/{{images}}.npz",
        f"{ROOT}/reference/{{images}}-rows.json",
    log:
        f"{ROOT}/reference/{{images}}-rows.log",
    wildcard_constraints:
        images=one_of(JOBS.images),
    conda:
        ENVIRONMENT
    threads: BENCHMARK.file.threads
    resources:
        gpu=JOBS.gpus,
        mem_mb=JOBS.memory,
        runtime=JOBS.judging_minutes,
    params:
        scale=SETTINGS.scale,
        suite=lambda wildcards: JOBS.images[wildcards.images],
        key=JOBS.judging_key,
    shell:
        "python -m atbench reference --scale {params.scale:q} {params.suite:q} > {log:q} 2>&1"


# What the latent space of a suite can show at best.
rule reconstruction:
    input:
        JOBS.reconstructed,
    output:
        f"{ROOT}/reference/{{latents}}-reconstruction.json",
    log:
        f"{ROOT}/reference/{{latents}}-reconstruction.log",
    wildcard_constraints:
        latents=one_of(JOBS.latents),
    conda:
        ENVIRONMENT
    threads: BENCHMARK.file.threads
    resources:
        gpu=JOBS.gpus,
        mem_mb=JOBS.memory,
        runtime=JOBS.judging_minutes,
    params:
        scale=SETTINGS.scale,
        suite=lambda wildcards: JOBS.latents[wildcards.latents],
    shell:
        "python -m atbench reconstruction --scale {params.scale:q} {params.suite:q} > {log:q} 2>&1"


# Side measures of a run, at its last step, and of the scale.
rule measure_run:
    input:
        JOBS.probed,
    output:
        f"{RUN}/{address.FINAL}/{{probe}}.json",
    log:
        f"{RUN}/{address.FINAL}/{{probe}}.log",
    wildcard_constraints:
        probe=one_of(JOBS.measures_of_runs),
    conda:
        ENVIRONMENT
    threads: BENCHMARK.file.threads
    resources:
        gpu=JOBS.gpus,
        mem_mb=JOBS.memory,
        runtime=JOBS.evaluation_minutes,  # about as many passes of the network as its cells
    params:
        run=JOBS.path,
        key=JOBS.probe_key,
    shell:
        "python -m atbench measure {wildcards.probe:q} {params.run:q} > {log:q} 2>&1"


rule measure_scale:
    input:
        JOBS.read_by_measure,
    output:
        f"{ROOT}/{{probe}}.json",
    log:
        f"{ROOT}/{{probe}}.log",
    wildcard_constraints:
        probe=one_of(probes_of_scales()),
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores if JOBS.is_alone(wildcards) else 1
    resources:
        gpu=JOBS.probe_gpus,
        mem_mb=round(1000 * BENCHMARK.file.queue.memory_gb),
    params:
        scale=SETTINGS.scale,
        key=JOBS.probe_key,
    shell:
        "python -m atbench measure {wildcards.probe:q} --scale {params.scale:q} > {log:q} 2>&1"


# The tuning search through a suite; its winners stand in the scale's `tuned:` block.
rule tuning:
    input:
        lambda wildcards: JOBS.evaluations([SEARCH_PREFIX + wildcards.suite]),
        lambda wildcards: cells_of(wildcards, [SEARCH_PREFIX + wildcards.suite]),
    output:
        f"{ROOT}/tuning/{{suite}}.json",
    log:
        f"{ROOT}/tuning/{{suite}}.log",
    wildcard_constraints:
        suite=one_of(BENCHMARK.searches),
    conda:
        ENVIRONMENT
    params:
        scale=SETTINGS.scale,
    shell:
        "python -m atbench tune --scale {params.scale:q} {wildcards.suite:q} > {log:q} 2>&1"


rule tune:
    input:
        expand(f"{ROOT}/tuning/{{suite}}.json", suite=BENCHMARK.searches),
