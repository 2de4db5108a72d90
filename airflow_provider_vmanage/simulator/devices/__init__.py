"""The devices of the fabric: one store from which every list and every health call is derived."""
