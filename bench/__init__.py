"""The benchmark: quart-chat beside those it wants to beat, one load against all. `make bench` runs it."""
