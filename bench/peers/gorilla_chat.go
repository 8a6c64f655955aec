// Go's gorilla/websocket: the hub of its chat example, with a room for each hub and messages that are prepared once.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

type said struct {
	Text string `json:"text"`
}

type message struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Time string `json:"time"`
}

type client struct {
	connection *websocket.Conn
	send       chan *websocket.PreparedMessage
}

type hub struct {
	clients    map[*client]bool
	broadcast  chan *websocket.PreparedMessage
	register   chan *client
	unregister chan *client
}

var (
	upgrader = websocket.Upgrader{}
	hubs     = map[string]*hub{}
	mutex    sync.Mutex
)

func hubOf(room string) *hub {
	mutex.Lock()
	defer mutex.Unlock()
	h := hubs[room]
	if h == nil {
		h = &hub{map[*client]bool{}, make(chan *websocket.PreparedMessage), make(chan *client), make(chan *client)}
		hubs[room] = h
		go h.run()
	}
	return h
}

func (h *hub) run() {
	for {
		select {
		case c := <-h.register:
			h.clients[c] = true
		case c := <-h.unregister:
			if h.clients[c] {
				delete(h.clients, c)
				close(c.send)
			}
		case prepared := <-h.broadcast:
			for c := range h.clients {
				select {
				case c.send <- prepared:
				default:
					delete(h.clients, c)
					close(c.send)
				}
			}
		}
	}
}

func (c *client) write() {
	for prepared := range c.send {
		if c.connection.WritePreparedMessage(prepared) != nil {
			break
		}
	}
	c.connection.Close()
}

func serve(writer http.ResponseWriter, request *http.Request) {
	connection, err := upgrader.Upgrade(writer, request, nil)
	if err != nil {
		return
	}
	query := request.URL.Query()
	name, h := query.Get("name"), hubOf(query.Get("room"))
	c := &client{connection, make(chan *websocket.PreparedMessage, 256)}
	h.register <- c
	go c.write()
	defer func() { h.unregister <- c }()
	for {
		var heard said
		if connection.ReadJSON(&heard) != nil {
			return
		}
		text, _ := json.Marshal(message{name, heard.Text, time.Now().UTC().Format(time.RFC3339Nano)})
		prepared, _ := websocket.NewPreparedMessage(websocket.TextMessage, text)
		h.broadcast <- prepared
	}
}

func main() {
	runtime.GOMAXPROCS(1) // as all the others, on one core
	http.HandleFunc("/ws", serve)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
