"""Mutants of what may follow which version, and of images that have another than is said."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

EFFECTIVE: Final = "core/plan/effective_spec.py"

VERSIONS: Final = (
    Mutant("goes to 3.6 from any 3.5", "core/rollout/versions.py", "_refuse_upgrade",
           "lowest < SAFE_FOR_36", "False"),
    Mutant("skips minor versions", "core/rollout/versions.py", "_refuse_upgrade",
           "spec.minor > (major, minor + 1)", "False"),
    Mutant("rolls on with an image of another version", "core/rollout/version_change.py",
           "refuse_image",
           "lie is None or snapshot.recorded_cluster_id is None", "True"),
    Mutant("believes the template of an image that lied", "core/rollout/versions.py",
           "find_obstacle",
           "lie.release if lie else snapshot.template_version.release",
           "snapshot.template_version.release"),
    Mutant("counts members of the template before", "core/rollout/versions.py", "find_lie",
           "snapshot.is_current(seat.pod)", ""),
    Mutant("forgets the image that a version waits with", EFFECTIVE, "_at_version",
           "snapshot.kept_image", ""),
    Mutant("gives the next image to the version before", EFFECTIVE, "_at_version",
           "spec.at_version(version, snapshot.kept_image)",
           "spec.model_copy(update={'version': version})"),
    Mutant("gives the next settings to the version before", EFFECTIVE, "_at_version",
           "any(path.endswith(f'.{name}') for path in unknown)", "False"),
    Mutant("lets no version wait for its backup", EFFECTIVE, "find_effective_spec",
           "_at_version(snapshot, asked, kept)", "asked"),
    Mutant("renders a version that cannot follow", EFFECTIVE, "find_effective_spec",
           "_at_version(snapshot, spec, find_version_before(snapshot, spec))", "spec"),
    Mutant("puts the disks of before back under the next version", EFFECTIVE,
           "find_effective_spec",
           "EffectiveSpec(before, before)", "EffectiveSpec(asked, asked)"),
    Mutant("keeps the version of before once restored members start", EFFECTIVE,
           "_find_version_restored",
           "restore is None or restore.retired is not None", "restore is None"),
    Mutant("predicts members and not the version that they allow", "core/plan/planner.py",
           "predict",
           "with_effective_spec(snapshot.evolve(membership=after))",
           "snapshot.evolve(membership=after)"),
    Mutant("recovers a majority with any version that is asked for", "core/quorum_loss/steps.py",
           "run_alone",
           "snapshot.rendered_spec", "snapshot.spec"),
    Mutant("reads the version from the tag alone", "core/model/template.py", "read_version",
           "Version(str(recorded)) if recorded else read_image(statefulset).version",
           "read_image(statefulset).version"),
    Mutant("does not record the version of an image", "core/objects/statefulset.py", "_records",
           "spec.image", "False"),
    Mutant("begins a downgrade that etcd holds back for a joiner", "core/rollout/version_change.py",
           "_can_change",
           "not any((member.is_learner for member in snapshot.members))", "True"),
)  # fmt: skip
