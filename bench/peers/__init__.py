"""Small chats, each written as the users of its library write one: a name, a text and a time to everybody."""
