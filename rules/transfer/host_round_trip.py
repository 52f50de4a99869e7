"""Values that go to the host and come back to the accelerator."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, Report, RoundTrip, cst


class HostRoundTrip(Rule):
    """A device value is read to the host, changed there by NumPy or Python, and copied back to the device.

    The way to the host waits for all queued kernels, the arithmetic runs on one CPU core while the accelerator
    idles, and the way back is a second copy. Argmax, softmax, clipping, joining, masks and the like exist on the
    device as well.

    The finding stands at the read that takes the value to the host (at the copy back when the read is in another
    file). Only code in loops, steps and forward passes is reported, and only chains whose every operation has a twin
    on the device.

    Leave it where the value is offloaded to save device memory, or for operations that the device lacks, such as
    matching, connected components or string work.

    To fix it, use the operation of `torch` or `jax.numpy` and keep the value on the device. Names of axes and dtypes
    differ in places, so compare the results once.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "jax", "tensorflow", "cupy")
    words = (
        ("cpu", "*numpy*", "item", "tolist", "asarray", "device_get"),
        ("cuda", "*dev*", "*gpu*", "*rank*", "xpu", "jnp", "jax", "convert_to_tensor", "constant", "cupy"),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.NO_TOY_SET,
    )
    references = ("https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to avoid copies between host and device and the waits they cause",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
        Evidence(Grade.REASONED, "two copies and a full wait each time", "own reasoning"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.returns_fetched

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Frameworks, Hot, RoundTrips

        groups: dict[object, list[RoundTrip]] = {}
        for trip in facts[RoundTrips].all:
            spot = facts[Hot].repeated(trip.upload.node)
            if spot is not None and not _offloads(trip, facts):
                groups.setdefault(spot.body, []).append(trip)
        for trips in groups.values():
            yield self._report(trips, facts, certain=facts[Frameworks].gpu_intent is True)

    def _report(self, trips: list[RoundTrip], facts: Facts, *, certain: bool) -> Report:
        first = trips[0]
        here = first.facts is facts
        back = (first.upload.node, "comes back to the device here")
        others = [(each.upload.node, "another value comes back here") for each in trips[1:5]]
        return self.finding(
            first.read if here else first.upload.node,
            "a value leaves the device here and comes back after work that the device could do",
            help="keep it on the device and use the operation of the same name there",
            notes=("saves 2-20 % of the loop (estimate)",),
            related=((back,) if here else ((first.read, "left the device here", first.facts.document),))
            + tuple(others),
            confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
        )

    examples = (
        Bad(
            """
            import numpy as np
            import torch

            for x, y in loader:
                scores = model(x.cuda())
                picked = np.argmax(scores.detach().cpu().numpy(), axis=1)  # bad
                labels = torch.from_numpy(picked).cuda()
                loss = criterion(scores, labels)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            device = torch.device("cuda")
            for x, y in loader:
                loss = criterion(model(x.to(device)), y.to(device))
                scale = torch.tensor(loss.item() * 0.5, device=device)  # bad
                (loss * scale).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import numpy as np
            import torch

            def sharpen(probabilities):
                p = np.power(probabilities, 2.0)
                return torch.from_numpy(p).to("cuda")

            for x, y in loader:
                guess = torch.softmax(model(x.cuda()), 1).detach()
                target = sharpen(guess.cpu().numpy())  # bad
                loss = criterion(model(x.cuda()), target)
                loss.backward()
                optimizer.step()
            """,
            not_as=("moved",),  # the finding belongs to the file that takes the value back
        ),
        Bad(
            """
            import jax.numpy as jnp
            import numpy as np

            for batch in batches:
                scores = jnp.dot(batch, weights)
                best = np.argmax(np.asarray(scores), axis=1)  # bad
                update(jnp.asarray(best))
            """
        ),
        Good(
            """
            import torch

            for x, y in loader:
                scores = model(x.cuda())
                labels = scores.detach().argmax(1)
                loss = criterion(scores, labels)
                loss.backward()
                optimizer.step()
            """,
            why="stays on the device",
        ),
        Good(
            """
            import torch
            from scipy.optimize import linear_sum_assignment

            for x, y in loader:
                cost = model(x.cuda())
                rows, columns = linear_sum_assignment(cost.detach().cpu().numpy())
                picked = torch.as_tensor(columns, device="cuda")
                loss = cost[rows, picked].sum()
                loss.backward()
                optimizer.step()
            """,
            why="matching has no twin on the device",
        ),
        Good(
            """
            import numpy as np
            import torch

            for x, y in loader:
                mean = np.mean(x.numpy(), axis=0)
                loss = criterion(model(x.cuda()), torch.from_numpy(mean).cuda())
                loss.backward()
                optimizer.step()
            """,
            why="what a loader yields is on the host anyway",
        ),
        Good(
            """
            import numpy as np
            import torch

            for x, y in loader:
                scores = model(x.cuda())
                host = scores.detach().cpu().numpy()
                np.save("scores.npy", host)
                loss = criterion(scores, torch.from_numpy(host).cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the host needs the values, too",
        ),
        Good(
            """
            import torch

            for block in blocks:
                offloaded = block(x).cpu()
                torch.cuda.empty_cache()
                x = offloaded.cuda()
            """,
            why="offloaded to make room",
        ),
        Good(
            """
            import numpy as np
            import torch

            model = build().cuda()
            start = torch.from_numpy(np.argmax(model(x).cpu().numpy(), axis=1)).cuda()
            """,
            why="once, outside of any loop",
        ),
        Good(
            """
            import torch

            for state in states:
                action = policy(state.cuda()).cpu().numpy()
                observation, reward, done = environment.step(action)
                values.append(critic(torch.from_numpy(observation).cuda()))
            """,
            why="what comes back is what the environment answered",
        ),
    )


def _offloads(trip: RoundTrip, facts: Facts) -> bool:
    """Whether the way to the host is there to make room on the device."""
    from greenlint import Calls, Tree

    around = facts[Tree].function(trip.upload.node) or facts.document.tree
    if facts[Calls].methods("empty_cache", within=around):
        return True
    return any(_OFFLOADING.search(each.document.source(node)) for each, node in _ends(trip, facts))


def _ends(trip: RoundTrip, facts: Facts) -> tuple[tuple[Facts, cst.CSTNode], ...]:
    from greenlint import Tree

    return (
        (facts, facts[Tree].statement(trip.upload.node)),
        (trip.facts, trip.facts[Tree].statement(trip.read)),
    )


_OFFLOADING = re.compile(r"offload|_cpu\b|\bcpu_", re.IGNORECASE)
