"""For all tests."""

from hypothesis import settings

# Deadlines time the machine, not the code; timings live in bench/.
settings.register_profile("quart-chat", deadline=None)
settings.load_profile("quart-chat")
