"""What all triggers share: what Airflow stores of them."""

from __future__ import annotations

import inspect
from typing import Any


class StoredArguments:
    """A trigger that Airflow's database keeps as its class path and its arguments.

    Each argument of ``__init__`` has a default, and an attribute of its name.
    """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, for Airflow's database; together they are the trigger's identity."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
