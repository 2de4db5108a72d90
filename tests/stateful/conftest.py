"""What `make model` prints at its end."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the model counted in each release."""
    for report in terminalreporter.getreports("passed"):
        for name, counted in report.user_properties:
            if name == "model":
                terminalreporter.write_line(f"model: {counted}")
