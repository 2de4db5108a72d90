"""What all triggers share: what Airflow stores of them."""

from __future__ import annotations

from typing import Any, ClassVar


class StoredArguments:
    """A trigger that Airflow's database keeps as its class path and its arguments."""

    #: names of the arguments; each is an attribute and has a default
    arguments: ClassVar[tuple[str, ...]]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, for Airflow's database; together they are the trigger's identity."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self.arguments}
