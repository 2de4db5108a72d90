"""Waits that many share: one poll for all on a connection, outside of any one trigger."""
