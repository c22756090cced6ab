"""Mutants of what may follow which version, and of images that have another than is said."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

_UNIT: Final = ("unit: rules_image", "unit: rules_versions")

VERSIONS: Final = (
    Mutant("goes to 3.6 from any 3.5", "versions", "if lowest < SAFE_FOR_36:", "if False:", _UNIT),
    Mutant("skips minor versions", "versions",
           "if spec.minor > (major, minor + 1):", "if False:", _UNIT),
    Mutant("rolls on with an image of another version", "rules.versions",
           "if lie is None or snapshot.recorded_cluster_id is None:", "if lie or not lie:", _UNIT),
    Mutant("believes the template of an image that lied", "versions",
           "template = lie.release if lie else parse_release(snapshot.template_version)",
           "template = parse_release(snapshot.template_version)", _UNIT),
    Mutant("counts members of the template before", "versions",
           " and snapshot.is_current(seat.pod)", "", _UNIT),
    Mutant("forgets the image that a version waits with", "versions",
           "held = spec.at_version(kept, snapshot.kept_image)", "held = spec.at_version(kept)",
           _UNIT),
    Mutant("gives the next image to the version before", "precaution",
           "spec.at_version(running, snapshot.kept_image)",
           'spec.model_copy(update={"version": running})', _UNIT),
    Mutant("reads the version from the tag alone", "template",
           "return str(recorded) if recorded else read_image", "return read_image", _UNIT),
    Mutant("does not record the version of an image", "render.statefulset",
           "    if spec.image:\n", "    if False:\n", _UNIT),
)  # fmt: skip
