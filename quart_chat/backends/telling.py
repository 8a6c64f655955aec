"""What a visitor is told who is moved into a room, the same by every backend."""

from quart_chat.domain.events import CallBegan, Talking
from quart_chat.domain.ports import Bus
from quart_chat.domain.rooms import Kind, View
from quart_chat.domain.visitors import VisitorId


def show(bus: Bus, visitor: VisitorId, view: View, resumed: bool = False) -> None:
    """Show a room to one of its members; where strangers see each other, the call begins."""
    bus.tell(visitor, Talking(view, resumed))
    if view.kind is Kind.VIDEO and view.partner:
        bus.tell(visitor, CallBegan(view.room, polite=view.me.seat > view.partner.seat))
