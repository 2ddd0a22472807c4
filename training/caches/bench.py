"""The bench: a dataset or a run opened for computing. The one way to do it, whatever is computed then.

What has to fit together is put together here and nowhere else: the device; the backbone with the weights that the run
began with; the examples, split and counted as the run had them; the arithmetic that it chose; the cache of frozen
features. It trains nothing and asks nothing about strategies.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import SPLIT_RULES, Augment, DatasetRef, PlanError, RunConfig, Tell, find_as, write_json
from core.zoo import BackboneCard, catalog
from dataset import load_dataset
from training.caches import budget
from training.caches.examples import Rows
from training.caches.image_data import ImageData
from training.caches.prefix import PrefixCache, Tick
from training.graphs import Engine, Graph, engines, graph
from training.machine import accelerated, derive_seed
from training.store import RunFolder

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from training.backbones import Backbone
    from training.caches import frozen_pass

NOWHERE: torch.device = None  # type: ignore[assignment]
"""Where a graph lies: on no device of torch's."""
BATCH = 128
"""Images of one pass of `Bench.features`."""


class Runtime:
    """What a run chose by measuring on this machine, so that it computes as it began when it is resumed or opened."""

    def __init__(self, known: dict[str, str], path: Path | None = None) -> None:
        """path: where new choices are written down; None = they hold for this process only."""
        self.known, self._path = known, path
        self.resumed = bool(known) and path is not None
        """Whether these are the choices of a run that goes on, which must compute as it began."""

    def keep(self, name: str, measure: Callable[[], str]) -> str:
        if name not in self.known:
            self.known[name] = measure()
            if self._path:
                write_json(self._path, self.known)
        return self.known[name]


def telling(tell: Tell, first: float, share: float, what: str) -> Tick:
    """Of a piece of work that is `share` of the whole and begins at `first`: tells how many of how many are done."""
    started = time.perf_counter()

    def tick(done: int, total: int) -> None:
        spent = time.perf_counter() - started
        left = spent / done * (total - done) if done else None
        tell(first + share * done / max(1, total), f"{what}, {done:,} of {total:,}", left)

    return tick


@dataclass(frozen=True, eq=False)
class Bench:
    """One dataset and one backbone, ready to compute. What nobody asks for is not made: whoever needs no features opens
    no cache, whoever needs no images decodes none."""

    home: Path
    ref: DatasetRef
    network: Backbone | Graph
    """On `device`, with the weights to begin with; whoever changes them finds no features of others (`PrefixCache`). A
    graph where nothing is to be trained."""
    device: torch.device
    """Of a backbone."""
    seed: int = 0
    split_seed: int = 0
    split_rules: int = SPLIT_RULES
    image_px: int | None = None
    """Side of the images, px; None = the weights' own."""
    per_class: int = 0
    """Training images of each class, drawn by `seed`; 0 = all."""
    runtime: Runtime = field(default_factory=lambda: Runtime({}))
    no_graph: list[str] = field(default_factory=list)
    """Why frozen stages are no graph, a sentence; looked at once `prefix` is there."""
    tick: Tick | None = None
    """Told how many images are decoded, while they are; may raise to stop."""
    augment: Augment = "light"
    """What augmented views show."""

    @classmethod
    def of(cls, ref: DatasetRef, backbone_name: str, home: Path, tick: Tick | None = None) -> Bench:
        """A dataset as it is, and a backbone with its own weights.

        Raises PlanError for an unknown backbone, WeightsError when its weights are not here.
        """
        from training.backbones import build
        from training.machine import devices

        device = devices.pick()
        return cls(home, ref, build(backbone_name, len(ref.classes), home=home).to(device), device, tick=tick)

    @classmethod
    def of_graph(cls, ref: DatasetRef, backbone_name: str, home: Path, tick: Tick | None = None) -> Bench | None:
        """As `of`, with the graph of the backbone in place of the network, without torch; None where there is none yet,
        or an accelerator. Raises WeightsError when the weights are not here."""
        card = catalog.backbone(backbone_name)
        found = _graph_of(card, card.image_px, home) if card.pretrained else None
        return cls(home, ref, found, NOWHERE, tick=tick) if found else None

    @classmethod
    def of_run(
        cls, run_id: str, config: RunConfig, home: Path, tick: Tick | None = None, *, trains: bool = False,
        weights: Path | None = None, device: torch.device | None = None,
    ) -> Bench:  # fmt: skip
        """A run with the weights that it began with: its backbone's own, random ones of its seed, or those of the run
        that it started from, which lie in its own folder.

        trains: what the run chooses by measuring is written down in its folder. weights: of the whole network, to have
        in place of those that it began with, which are not looked for then. Raises NotFound without its dataset,
        PlanError as `build` does or where weights do not fit, WeightsError when they are not here or damaged.
        """
        from training.backbones import build, read_weights
        from training.machine import devices

        device, folder, strategy = device or devices.pick(), RunFolder(home, run_id), config.strategy
        ref = load_dataset(home, config.dataset_id)
        backbone = build(
            strategy.backbone, len(ref.classes), pretrained=strategy.pretrained and weights is None, seed=config.seed,
            image_px=strategy.image_px, home=home, head=strategy.head,
        )  # fmt: skip
        if weights:
            backbone.load_state_dict(read_weights(weights))
            backbone.weights_id = f"run-{run_id}"
        elif config.from_run:
            _start(backbone, read_weights(folder.start_weights), config.from_run)
        return cls(
            home, ref, backbone.to(device), device, config.seed, config.split_seed, config.split_rules,
            strategy.image_px, config.per_class, _runtime(home, run_id, config, trains=trains), tick=tick,
            augment=strategy.augment,
        )  # fmt: skip

    @classmethod
    def of_probe(cls, run_id: str, config: RunConfig, home: Path, tick: Tick | None = None) -> Bench | None:
        """A run that only solves its head, with the graph of its backbone in place of the network; None for any other,
        and where the network has to be loaded: there is no graph yet, or an accelerator, or it began with torch.

        Raises NotFound without its dataset, WeightsError when the backbone's weights are not here.
        """
        strategy, card = config.strategy, catalog.known(config.strategy.backbone)
        alone = all(phase.solved for phase in strategy.phases) and not (config.target_id or config.from_run)
        if not alone or card is None or not strategy.pretrained:
            return None
        runtime = _runtime(home, run_id, config, trains=True)
        if Engine.named(runtime.known.get("frozen", engines.exact().code)) is None:
            return None
        found = _graph_of(card, strategy.image_px or card.image_px, home)
        if found is None:
            return None
        ref = load_dataset(home, config.dataset_id)
        return cls(
            home, ref, replace(found, reads_all=strategy.head == "stages"), NOWHERE, config.seed, config.split_seed,
            config.split_rules, strategy.image_px, config.per_class, runtime, tick=tick,
        )  # fmt: skip

    @property
    def backbone(self) -> Backbone:
        """The network itself, where it is here to be trained."""
        assert not isinstance(self.network, Graph)
        return self.network

    def beside(self, ref: DatasetRef, tick: Tick | None = None) -> Bench:
        """Another dataset, all of its images, by the same backbone in the same arithmetic."""
        return replace(self, ref=ref, per_class=0, tick=tick)

    @cached_property
    def data(self) -> ImageData:
        """The examples. Raises DataError where one can no longer be read."""
        data = KINDS[self.ref.kind](self)
        if self.per_class:
            data.rows["train"] = _fewer(data.rows["train"], data.labels, self.per_class, self.seed)
        return data

    @cached_property
    def everything(self) -> Rows:
        """The rows that count, ascending: all of an import, those not excluded of a revision."""
        return np.sort(np.concatenate(list(self.data.rows.values())))

    @cached_property
    def graph(self) -> Graph | None:
        """The frozen stages as a graph; None where torch computes them: on an accelerator, with weights that are not
        the backbone's own, and where `no_graph` says why."""
        if isinstance(self.network, Graph):
            return self.network
        card = catalog.known(self.network.name)
        if self.device.type != "cpu" or card is None or engines.usual() is None:
            return None
        from training.graphs import making

        try:
            found = making.find_or_make(self.network, card, self.image_px or card.image_px, self.home)
            return replace(found, reads_all=self.network.reads_all) if found else None
        except PlanError as error:
            self.no_graph.append(f"{error} torch computes its frozen stages, which is slower.")
            return None

    @cached_property
    def precision(self) -> str:
        """What computes frozen stages (the code of an `Engine` or an `Arithmetic`): the run's own, else the usual one
        of this machine. Raises PlanError where a run that goes on began with an engine that is not here."""

        def choose() -> str:
            engine = engines.usual() if self.graph else None
            if engine:
                return engine.code
            from training.caches import frozen_pass

            rows = np.resize(self.everything, frozen_pass.pass_batch(self.device))
            return frozen_pass.choose(self.backbone, self.device, self.data.batch(rows, 0), self.home)

        code = self.runtime.keep("frozen", choose)
        engine = Engine.named(code)
        if engine is None or (engine.here and self.graph):
            return code
        if self.runtime.resumed:
            raise PlanError(engines.not_here(engine))
        return choose()

    @cached_property
    def prefix(self) -> PrefixCache:
        """The stored features of the backbone as it is when they are first asked for."""
        return PrefixCache(self.network, self.data, self.device, self.precision, self.cache, self.graph)

    @property
    def cache(self) -> Path:
        """Where everything that is cached of these images lies."""
        return budget.folder_of(self.home, self.ref.images_id)

    def features(self, rows: Rows, tick: Tick = lambda done, total: None) -> Tensor:
        """Pooled features [len(rows), width] by the weights that are in the backbone now, on the CPU: from the cache as
        far up as it holds all of these rows and nothing was trained, computed from there. Stores nothing."""
        import torch

        from training.caches import frozen_pass
        from training.caches.arithmetic import EXACT

        first, head = self.prefix.highest(rows), self.backbone.head_index
        untrained = self.prefix.through([head]) if self.prefix.applies(head) and self.prefix.engine else None
        run: frozen_pass.Taps | None = None
        parts = [torch.zeros(0, self.backbone.width)]
        for start in range(0, len(rows), BATCH):
            chunk = rows[start : start + BATCH]
            if first < head and untrained:
                inputs = torch.from_numpy(untrained.run(untrained.make(chunk, 0))[0])
            else:
                inputs = self.prefix.read(first, chunk, 0) if first else self.data.batch(chunk, 0)
                if first < head:
                    run = run or frozen_pass.taps(self.backbone, [head], EXACT.code, self.device, inputs, start=first)
                    inputs = run(inputs)[0]
            parts.append(inputs.float().cpu())
            tick(min(start + BATCH, len(rows)), len(rows))
        return torch.cat(parts)


def _graph_of(card: BackboneCard, px: int, home: Path) -> Graph | None:
    """What takes the network's place where nothing is to be trained."""
    return None if accelerated() or engines.usual() is None else graph.find(card, px, home)


def _runtime(home: Path, run_id: str, config: RunConfig, *, trains: bool) -> Runtime:
    own, repeated = (RunFolder(home, name).runtime for name in (run_id, config.repeats or run_id))
    known = find_as(own, dict[str, str]) or find_as(repeated, dict[str, str]) or {}
    return Runtime(known, own if trains else None)


def _images(bench: Bench) -> ImageData:
    assert bench.network.preprocessing is not None
    own = bench.network.preprocessing.at(catalog.backbone(bench.network.name).image_px)
    return ImageData(
        bench.ref, bench.cache, own, bench.split_seed, bench.tick,
        image_px=bench.image_px, device=bench.device, split_rules=bench.split_rules, augment=bench.augment,
    )  # fmt: skip


KINDS: dict[str, Callable[[Bench], ImageData]] = {"image": _images}
"""How the examples of a dataset are opened, by `DatasetRef.kind`."""


def _start(backbone: Backbone, weights: dict[str, Tensor], run_id: str) -> None:
    """Put weights of run `run_id` into `backbone`. The head stays fresh where they have none like it: other classes,
    or another kind of head."""
    own = backbone.state_dict()
    head = [name for name in own if name.startswith("head.")]
    alike = all(name in weights and weights[name].shape == own[name].shape for name in head)
    names = [name for name in own if name not in head or alike]
    wrong = [name for name in names if name not in weights or weights[name].shape != own[name].shape]
    if wrong:
        raise PlanError(
            f"The weights of run '{run_id}' do not fit {backbone.name}: '{wrong[0]}' differs. Choose another run to "
            "start from."
        )
    backbone.load_state_dict({**own, **{name: weights[name] for name in names}})
    backbone.weights_id = f"run-{run_id}"


def _fewer(rows: Rows, labels: Rows, per_class: int, seed: int) -> Rows:
    """At most `per_class` of `rows` from each class, ascending, drawn by `seed`."""
    own = labels[rows]
    draw = np.random.default_rng(derive_seed("per class", seed))
    chosen: Rows = np.sort(
        np.concatenate([draw.permutation(rows[own == label])[:per_class] for label in np.unique(own)])
    )
    return chosen
