"""On the path of a gateway that is measured without its accounts: it writes none down.

Python imports this before anything else. Counting the tokens of answers goes on, as limits need it.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

LEDGER = "web.usage.ledger"


class _WithoutRecords(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == LEDGER else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_silence(module: ModuleType) -> None:
            execute(module)
            module.Ledger.record = lambda _ledger, _served: None

        spec.loader.exec_module = execute_and_silence  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _WithoutRecords())
