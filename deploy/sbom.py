"""The last step of `make sbom`: give the bill of materials the version, and check that it is whole.

`python -m deploy.sbom FILE`; the file is in the format of CycloneDX.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

from etcd_operator import __version__
from etcd_operator.json_types import Json

LOCKED: Final = Path(__file__).parent.parent / "requirements" / "operator.txt"
_PIN: Final = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def read_pins(text: str) -> set[tuple[str, str]]:
    """Return name and version of every package in a lock file."""
    return set(_PIN.findall(text))


def complete(bill: Json, pins: set[tuple[str, str]]) -> Json:
    """Return the bill with the operator's version; raises ValueError unless it has every pin."""
    listed = {(each["name"], each["version"]) for each in bill["components"]}
    if listed != pins:
        odd = ", ".join(sorted("==".join(pin) for pin in listed ^ pins))
        raise ValueError(f"the bill of materials and {LOCKED.name} differ in {odd}")
    component = {**bill["metadata"]["component"], "version": __version__}
    return {**bill, "metadata": {**bill["metadata"], "component": component}}


def main(words: list[str]) -> int:
    """Complete a file in place."""
    path = Path(words[0])
    bill = complete(json.loads(path.read_text()), read_pins(LOCKED.read_text()))
    path.write_text(json.dumps(bill, indent=2) + "\n")
    print(f"wrote {path} with {len(bill['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
