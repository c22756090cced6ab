"""`python -m etcd_operator.plugin` is `kubectl etcd`."""

from __future__ import annotations

from etcd_operator.plugin.app import main

if __name__ == "__main__":
    main()
