"""The mutants of TLS between members: which step is taken when, and what the guard lets pass."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

_MACHINE: Final = "core/peer_tls/machine.py"
_RULE: Final = "core/peer_tls/rule.py"
_GUARD: Final = "core/peer_tls/guard.py"
_EXPLORED: Final = ("explored: peer_tls_phases",)

PEER_TLS: Final = (
    Mutant(
        "peer TLS: goes on before all members were rolled",
        _MACHINE,
        "goes_on",
        "peers.wanted and has_rolled(peers)",
        "peers.wanted",
        _EXPLORED,
    ),
    Mutant(
        "peer TLS: turns back before all members were rolled",
        _MACHINE,
        "has_turned_back",
        "not peers.wanted and has_rolled(peers)",
        "not peers.wanted",
        _EXPLORED,
    ),
    Mutant(
        "peer TLS: takes Pods of another stage for rolled",
        _MACHINE,
        "has_rolled",
        "live is None or read_template_stage(live.body) != peers.stage",
        "live is None",
        _EXPLORED,
    ),
    Mutant(
        "peer TLS: takes Pods of an earlier change for rolled",
        "core/model/peer_stage.py",
        "PeerStage.to",
        "self.change + 1",
        "1",
    ),
    Mutant(
        "peer TLS: counts on members that do not serve",
        _MACHINE,
        "_serves_in_current_pod",
        "seat.serves(snapshot.live_cluster_id)",
        "True",
    ),
    Mutant(
        "peer TLS: counts on Pods of an earlier template",
        _MACHINE,
        "_serves_in_current_pod",
        "snapshot.is_current(pod)",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "peer TLS: begins without certificates",
        _MACHINE,
        "begins",
        "peers.wanted and has_certificate(peers.snapshot)",
        "peers.wanted",
    ),
    Mutant(
        "peer TLS: takes steps without a quorum",
        _MACHINE,
        "find_obstacle",
        "snapshot.recorded_cluster_id is None or not snapshot.quorum_confirmed",
        "snapshot.recorded_cluster_id is None",
    ),
    Mutant(
        "peer TLS: takes steps while a member joins",
        _MACHINE,
        "find_obstacle",
        "not member.started",
        "False",
    ),
    Mutant(
        "peer TLS: takes steps while a restore may be undone",
        _MACHINE,
        "find_obstacle",
        "find_restore_record(snapshot.cluster)",
        "False",
    ),
    Mutant(
        "peer TLS: takes steps beside members of somebody else",
        _MACHINE,
        "find_obstacle",
        "snapshot.take_over or others",
        "False",
    ),
    Mutant(
        "peer TLS: forgets the stage with the gate",
        "core/model/peer_tls.py",
        "find_recorded_stage",
        "live is not None and live.owner_uid == naming.uid",
        "False",
    ),
    Mutant(
        "peer TLS: believes the spec where every record was lost",
        _MACHINE,
        "_find_tls_listed",
        "'https' in listed if listed else snapshot.cluster.spec.peer_tls",
        "snapshot.cluster.spec.peer_tls",
    ),
    Mutant(
        "peer TLS: leaves a member where nobody reaches it",
        _RULE,
        "_is_listed_elsewhere",
        "ours and stage.scheme not in list_schemes(seat)",
        "False",
    ),
    Mutant(
        "peer TLS: gives who joins one URL of the others",
        "core/objects/etcd_config.py",
        "_render_config",
        "dict(layout.peer_urls)",
        "None",
        _EXPLORED,
    ),
    Mutant(
        "peer TLS: signs for nobody beside members without a certificate",
        "core/certificates/signers.py",
        "find_distrusting",
        "pod.peer_tls if of_peers else pod.client_tls.tls",
        "pod.client_tls.tls or of_peers",
    ),
    Mutant(
        "guard: lists another member than that of the Pod",
        _GUARD,
        "refuse_peer_urls",
        "member is None or naming.ordinal_of_member(member) != action.ordinal",
        "member is None",
    ),
    Mutant(
        "guard: lists a member anywhere",
        _GUARD,
        "refuse_peer_urls",
        "not urls or not urls <= set(naming.peer_urls(action.ordinal))",
        "not urls",
    ),
    Mutant(
        "guard: changes the URLs that a joiner is to find",
        _GUARD,
        "refuse_peer_urls",
        "not member.started",
        "False",
    ),
    Mutant(
        "guard: lists a member where it does not listen",
        _GUARD,
        "refuse_peer_urls",
        "not any((url.startswith(f'{told}://') for url in urls))",
        "False",
    ),
    Mutant(
        "guard: forgets a URL at which a Pod of before listens",
        _GUARD,
        "_refuse_to_forget",
        "seat.member and (not (seat.pod and snapshot.is_current(seat.pod)))",
        "False",
    ),
    Mutant(
        "guard: forgets a URL while the template is of another stage",
        _GUARD,
        "_refuse_to_forget",
        "live is None or made_for != snapshot.gate_annotations.get(ANNOTATION_PEER_TLS)",
        "live is None",
    ),
    Mutant(
        "guard: lets members listen where they are not listed",
        _GUARD,
        "refuse_unreachable",
        "ordinal in changed and after[ordinal] not in schemes",
        "False",
    ),
    Mutant(
        "guard: lets TLS begin beside a member without a certificate",
        _GUARD,
        "refuse_unreachable",
        "not pod.peer_tls",
        "False",
    ),
    Mutant(
        "guard: takes certificates while members may have TLS",
        _GUARD,
        "refuse_unreachable",
        "not has and any(('https' in schemes for schemes in listed.values()))",
        "False",
    ),
    Mutant(
        "guard: changes TLS between members without a quorum",
        _GUARD,
        "refuse_unreachable",
        "not snapshot.quorum_confirmed",
        "False",
    ),
    Mutant(
        "guard: announces a member beside another at its host",
        "core/guards/names.py",
        "refuse_unannounced",
        "any((own & set(member.peer_urls) for member in snapshot.members))",
        "any(action.peer_url in member.peer_urls for member in snapshot.members)",
    ),
)
