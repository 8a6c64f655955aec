// Node's `ws`, as its README broadcasts: a `send` for each member.
"use strict"

const { WebSocketServer, WebSocket } = require("ws")

const rooms = new Map()

new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 1024 }).on("connection", (socket, request) => {
  const query = new URL(request.url, "http://127.0.0.1").searchParams
  const name = query.get("name"), room = query.get("room")
  if (!rooms.has(room)) rooms.set(room, new Set())
  const members = rooms.get(room).add(socket)
  socket.on("message", data => {
    const message = JSON.stringify({ name, text: JSON.parse(data).text, time: new Date().toISOString() })
    for (const member of members) if (member.readyState === WebSocket.OPEN) member.send(message)
  })
  socket.on("close", () => members.delete(socket))
  socket.on("error", () => socket.terminate())
})
