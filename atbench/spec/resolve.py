"""Suites from files: what a suite's file, the scale's block and the scale itself say together."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from atbench.runtime.errors import UserError
from atbench.spec import networks
from atbench.spec.experiments import Experiments
from atbench.spec.fields import Entry, refusal
from atbench.spec.models.evaluation import Evaluation
from atbench.spec.models.methods import INHERITED, NOISE_PREDICTION, OBJECTIVES, Method
from atbench.spec.models.samplers import Sampler
from atbench.spec.models.scale import Queue
from atbench.spec.models.suites import IMPORTED, PRETRAINED
from atbench.spec.models.training import Training
from atbench.spec.scales import at, origin
from atbench.spec.signatures import declared as classes
from atbench.spec.signatures import plain_model
from atbench.spec.suite import SuiteSpec
from atbench.spec.yaml import merge

NETWORK_CLASSES = classes("models", "arguments")
NETWORKS = {kind: plain_model(found) for kind, found in NETWORK_CLASSES.items()}


def suites_of(files: Experiments) -> dict[str, SuiteSpec]:
    """The suites that a scale has a block for, in its order. Raises UserError naming the scale's file and key."""
    resolver = _Resolver(files)
    resolver.part(Training, files.size.training, "training")
    return {name: resolver.suite(name) for name in files.size.suites}


class _Resolver:
    """The files of one scale."""

    def __init__(self, files: Experiments):
        self.scale, self.file, self.size = files.scale, files.scale_file, files.size
        self.methods, self.samplers, self.declared = files.methods, files.samplers, files.suites
        self.lineage = {name: _lineage(files.methods, name) for name in files.methods}

    def suite(self, name: str) -> SuiteSpec:
        declared, block = self.declared[name], self.size.suites[name]
        init, where = block.init or declared.init, f"suites.{name}"
        compared = self.compared(name)
        samplers = (*declared.samplers, *(rival for rival in declared.rivals if rival in block.rivals))
        if init == IMPORTED:  # a suite of files has the methods that there are files for
            compared = tuple(method for method in compared if method in (block.imported or {}))
        objective = self.inherited(init)
        catalogue = {
            key: method.model_copy(update={"objective": objective})
            if method.objective == INHERITED and objective
            else method
            for key, method in self.methods.items()
        }
        if left := [method for method in compared if catalogue[method].objective == INHERITED]:
            reason = f"{left[0]!r} is the run under `init` as it is; {init} is none"
            raise UserError(f"experiments/suites/{name}.yaml: methods: {reason}")
        data = block.data or self.size.data
        kind = self.network_kind(name, [catalogue[method] for method in compared], init)
        return SuiteSpec(
            scale=self.scale,
            name=name,
            drawn_as=name,
            title=declared.title,
            paper=declared.paper,
            methods=compared,
            baseline=compared[0],
            catalogue=catalogue,
            lineage=self.lineage,
            samplers=samplers,
            sampler_catalogue=self.sampling(block.sampling, f"{where}.sampling"),
            grid=_grid(declared.nfe or self.size.nfe, samplers, block.nfe),
            init=init,
            is_latent=declared.space == "latent",
            conditional=declared.conditional,
            views=declared.views,
            curves=declared.curves,
            samples=declared.grids,
            size=block,
            data=data,
            judged_by=block.judged_by or data,
            evaluation=self.part(Evaluation, self.size.evaluation, f"{where}.evaluation", block.evaluation),
            queue=self.part(Queue, self.size.queue, f"{where}.queue", block.queue),
            training=self.part(Training, self.size.training, f"{where}.training", block.training),
            network=self.network(kind, block.model, f"{where}.model"),
            network_kind=kind,
            threads=self.size.threads,
            extractor=self.size.extractor,
            leads=self.size.leads,
            cross_checks=self.size.cross_checks,
            tuned=self.size.tuned.get(name, {}),
        )

    def compared(self, suite: str) -> tuple[str, ...]:
        """A suite's methods but those that the scale leaves out, its controls there, and methods that join it."""
        declared, block = self.declared[suite], self.size.suites[suite]
        own = [method for method in declared.methods if method not in block.without]
        own += [control for control in declared.controls if control in block.controls]
        joining = [name for name, method in self.methods.items() if suite in (method.suites or ())]
        return (*own, *(name for name in joining if name not in (*declared.methods, *own)))

    def part(self, model: type[Any], base: Entry, where: str, own: Entry | None = None) -> Any:
        """The scale's block with what a suite has of its own."""
        return self.valid(model, merge(base.written(), own.written() if own else {}), where)

    def network(self, kind: str, own: dict[str, Any] | None, where: str) -> Entry:
        """The constructor arguments of a suite's network: its own, or the scale's."""
        written, where = (self.size.model, "model") if own is None else (own, where)
        network: Entry = self.valid(NETWORKS[kind], written, where)
        for key, reason in networks.faults(kind, dict(network)):
            raise UserError(f"{at(self.scale, f'{where}.{key}')}: {reason}")
        return network

    def sampling(self, own: Mapping[str, dict[str, Any]], where: str) -> dict[str, Sampler]:
        """Every sampler, with the options that the suite has of its own."""
        named = {name: sampler for name, sampler in self.samplers.items() if name not in own}
        changed = {
            name: self.valid(type(self.samplers[name]), self.samplers[name].written() | options, f"{where}.{name}")
            for name, options in own.items()
        }
        return {name: changed.get(name) or named[name] for name in self.samplers}

    def network_kind(self, suite: str, methods: list[Method], init: str) -> str:
        """The kind of network that a suite trains."""
        if init.startswith(f"{PRETRAINED}/"):
            kind = init.partition("/")[2]
            if kind not in NETWORKS:
                raise UserError(
                    f"{self.file}: suites.{suite}.init: unknown network {kind!r}; known: {', '.join(NETWORKS)}"
                )
            return kind
        declared = [OBJECTIVES[method.objective] for method in methods if method.objective in OBJECTIVES]
        kinds = {each.constants["network"] for each in declared} or {networks.UNET}
        if len(kinds) > 1:
            raise UserError(
                f"experiments/suites/{suite}.yaml: methods: they train several networks: {', '.join(sorted(kinds))}"
            )
        return str(kinds.pop())

    def inherited(self, init: str, above: tuple[str, ...] = ()) -> str | None:
        """The objective of the network that a suite starts from; None where it starts from random weights."""
        kind, _, method = init.partition("/")
        if kind == PRETRAINED:
            return NOISE_PREDICTION
        if not method:
            return None
        if kind in above:
            raise UserError(f"{self.file}: suites.{kind}.init: {init!r} starts from itself")
        objective = self.methods[method].objective
        if objective != INHERITED:
            return str(objective)
        block = self.size.suites.get(kind)
        return self.inherited((block and block.init) or self.declared[kind].init, (*above, kind))

    def valid(self, model: type[BaseModel], value: dict[str, Any], where: str) -> Any:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise refusal(error, value, partial(origin, self.scale), where) from error


def _grid(whole: Any, samplers: tuple[str, ...], own: Mapping[str, Any]) -> Any:
    """The step counts of all samplers, or of each where some have their own."""
    if not own:
        return whole
    return {name: own.get(name) or (whole[name] if isinstance(whole, Mapping) else whole) for name in samplers}


def _lineage(methods: Mapping[str, Method], name: str) -> tuple[str, ...]:
    """A method after all those that it extends."""
    base = methods[name].extends
    return (*_lineage(methods, base), name) if base else (name,)
