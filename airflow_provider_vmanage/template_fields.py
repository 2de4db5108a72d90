"""Template fields whose name differs from that of their argument."""

from __future__ import annotations


class FieldsWithPaths(tuple[str, ...]):
    """Template fields of which ``…_path`` keeps the argument without that ending.

    Airflow makes a mapped task wait for the tasks behind an argument of ``partial()`` if the *argument* is ``in`` them.
    """

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        """Return whether it is a field, or the argument that one keeps."""
        return super().__contains__(name) or super().__contains__(f"{name}_path")
