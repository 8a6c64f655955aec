"""From an event to the screens it concerns: topics, batches, sessions and the socket's wire."""
