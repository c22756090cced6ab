"""`pause` and `resume`: whether the operator may change anything."""

from __future__ import annotations

from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.plugin import session
from etcd_operator.plugin.exits import Exit
from etcd_operator.plugin.options import Context, Name, Namespace, Timeout, Wait
from etcd_operator.plugin.session import Place, Session

DEFAULT_TIMEOUT: Final = 60


def pause(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Let the operator change nothing: no repair, no renewal of certificates; etcd serves on."""
    place = Place(context, namespace)
    session.run(place, lambda own: _set(own, name, paused=True, wait=wait, timeout=timeout))


def resume(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Let the operator work again after a pause."""
    place = Place(context, namespace)
    session.run(place, lambda own: _set(own, name, paused=False, wait=wait, timeout=timeout))


async def _set(own: Session, name: str, *, paused: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import conditions_of, find_cluster, is_seen

    def is_reached(live: Json) -> bool:
        told = conditions_of(live).get("Paused", {}).get("status")
        return is_seen(live) and told == str(paused)

    cluster = await find_cluster(own, name)
    change = {"paused": paused}
    written = await change_spec(own, cluster, **change)
    done = f"spec.paused of EtcdCluster {name} is {str(paused).lower()}."
    return await end(
        own, written, done, wait=wait, timeout=timeout, is_reached=is_reached, asked=change
    )
