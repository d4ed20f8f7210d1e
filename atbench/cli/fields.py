"""What the JSON of the listing verbs holds: every field with its meaning and unit, for docs/commands.md."""

CELL = {"suite": "", "method": "", "seed": "", "step": "", "sampler": "", "nfe": "network evaluations per image"}
STATES = {
    "done": "cells that are current",
    "missing": "cells that are not there",
    "stale": "cells of another configuration, or of other files",
    "failed": "missing cells of a run that failed",
    "refused": "cells whose record cannot be believed",
    "older_code": "cells of `done` that other sources made",
}
WORK = {
    "runs": "trainings and imports",
    "jobs": "of the workflow",
    "cells": "to be sampled and scored",
    "batches": "to be trained on",
}
COST = {
    "training_h": "hours of training",
    "sampling_h": "hours of sampling",
    "metrics_h": "hours of metrics",
    "startup_h": "hours of starting processes",
    "hours": "all of them, one job after another",
    "spread_percent": "half the range of the repetitions",
    "disk_gib": "GiB of weights and states",
}
SPAN = "share of the baseline's distance, positive where the method is better"
VERDICT = {
    "verdict": "`supported`, `not supported`, `inconclusive` or `no results`",
    "claim": "its name in `experiments/claims.yaml`",
    "sentence": "what it claims",
    "tested_on": "suite, samplers and step counts, in words",
    "budget": "what both methods have as much of",
    "seeds": "complete ones",
    "gain": "of the method over the baseline, in `unit`",
    "low": "end of its 95 % interval",
    "high": "end of its 95 % interval",
    "unit": "`relative`: shares of the baseline's value; `absolute`: the metric's own",
    "seeds_needed": "to settle it at 80 % power; null: no answer, or over 1,000",
    "facts[]": "the same as printed",
}
# Verb -> field -> meaning. `a.b` is the field b of a, `a[].b` that of every entry of a; what is below `a.*` has names
# of its own, as metrics have. Without a meaning the name says it.
FIELDS: dict[str, dict[str, str]] = {
    "status": {"scale": "", "root": "folder that was looked at"}
    | {f"methods[].{name}": words for name, words in ({"suite": "", "method": ""} | STATES).items()}
    | {f"total.{name}": words for name, words in STATES.items()}
    | {
        "off_grid[].path": "of a cell that no suite declares",
        "off_grid[].state": "`done`, `stale` or `refused`",
        "to_make_again[].path": "of a run's record, or of a cell",
        "to_make_again[].reason": "",
        "cpu_s.*": "with `--time`: processor seconds by kind",
        "startup_percent": "with `--time`: share of start-up in them",
    },
    "watch": {
        "scale": "",
        "trained": "runs",
        "to_train": "runs in all",
        "evaluated": "runs",
        "to_evaluate": "runs in all",
        "trainings[].run": "address",
        "trainings[].batches": "done",
        "trainings[].batches_in_all": "",
        "trainings[].loss": "mean of the last batch",
        "trainings[].delta_rms": "length of the perturbation, RMS per dimension",
        "trainings[].images_per_s": "",
        "trainings[].left_s": "seconds to its end at this pace",
        "evaluations[].run": "address",
        "evaluations[].cells": "there",
        "evaluations[].cells_in_all": "",
    },
    "show": {
        "cell": "address",
        "distance": "what `fd` is called",
        "leads": "the metric that `floor` and `baseline` compare: `fd`, or `fd_heldout` to held-out images",
        "metrics.*": "as in the record; `..._se` standard error, `..._std` spread over parts",
        "floor.mean": "distance of as many real images",
        "floor.std": "its spread over draws",
        "baseline.method": "",
        "baseline.label": "",
        "baseline.fd": "its distance at this point and seed",
        "baseline.difference_percent": "this cell's distance against it",
        "gain.gain": f"over the baseline at this point, paired by seed: {SPAN}",
        "gain.low": "end of its 95 % interval; null from one seed",
        "gain.high": "end of its 95 % interval; null from one seed",
        "gain.seeds": "",
        "gain.over": "label of the baseline",
    }
    | {f"verdicts[].{name}": words for name, words in VERDICT.items()}
    | {
        "no_verdict": "why there is none; null where there are some",
        "counts.*": "as in the record",
        "state[]": "whether its configuration and sources are today's",
        "configuration.*": "`digest` and `settings` of training and evaluation",
        "inputs.*": "SHA-256 of what it was made from",
        "provenance.*": "as in the record",
    },
    "jobs": {"scale": "", "suites[].suite": ""}
    | {f"suites[].{name}": words for name, words in (WORK | {"hours": "by the scale's `queue:` block"}).items()}
    | {"jobs_across_suites": "references and reports"}
    | {f"total.{name}": "" for name in (*WORK, "hours")},
    "estimate": {"scale": "", "device": "", "suites[].suite": ""}
    | {f"suites[].{name}": words for name, words in (WORK | COST).items()}
    | {
        "suites[].measured[]": "what was measured, in words",
        "suites[].not_measured": "why nothing was; null where it was",
        "jobs_across_suites": "references and reports",
    }
    | {f"total.{name}": "" for name in (*WORK, *COST)}
    | {
        "processor_share": "of the processor that the measurement had, up to 1",
        "cpu_s.*": "processor seconds by kind, `released` and `estimated`; null where nothing is released",
    },
    "compare": {
        "scale": "",
        "distance": "what `here` and `there` are",
        "protocols.here": "what the results were made under (docs/protocol.md)",
        "protocols.there": "the same of the released ones",
        "verdicts.*": "number of cells by verdict",
        "largest_difference_in_noise": "multiples of the noise of the released seeds",
        "accepted_difference_in_noise": "",
        "pooled.kind": "of all cells: `bit-equal`, `same recipe, other machine`, `within seed noise` or `different`",
        "pooled.runs": "paired runs, each with the mean over its cells",
        "pooled.mean_percent": "mean difference of the distance, here against there",
        "pooled.low_percent": "its 95 % t-interval over runs",
        "pooled.high_percent": "",
        "pooled.p": "against no difference; null of one run",
        "pooled.largest_percent": "of a cell",
        "exit_code": "1 where something differs, or lacks a result here",
    }
    | {f"cells[].{name}": words for name, words in CELL.items()}
    | {
        "cells[].here": "distance of this reproduction",
        "cells[].there": "released distance",
        "cells[].difference": "here less there",
        "cells[].noise": "of the released distance",
        "cells[].verdict": "",
    },
    "score": {
        "scale": "",
        "suite": "whose real images judge",
        "distance": "what `fd` is called",
        "sets[].name": "",
        "sets[].record": "file that was written",
        "sets[].samples": "images that were measured",
        "sets[].given": "images in the set",
        "sets[].reference": "real images",
        "sets[].metrics.*": "as of a cell",
        "sets[].against.*": "the same against public reference files, by the name given to each",
        "sets[].effect_of_count": "what fewer images than a cell's do to the distance, in words",
    },
    "check": {
        "file": "",
        "checks[].subject": "sort and name",
        "checks[].check": "",
        "checks[].verdict": "`PASS`, `FAIL` or `SKIP`",
        "checks[].reason": "",
        "failed": "number of failures",
    },
}
