"""Everything that speaks HTTP, WebSocket or HTML."""
