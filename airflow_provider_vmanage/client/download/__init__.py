"""Download of an image: its bytes as they arrive, and targets that show only complete ones."""
