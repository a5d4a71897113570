package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// serve answers on the ports until one of them fails. The answer to each line, or message, is the name and what
// was said.
func serve(name string, ports map[string]string) error {
	failed := make(chan error)
	for kind, answer := range servers(name) {
		go func() {
			listener, err := net.Listen("tcp", ":"+ports[kind])
			if err == nil {
				err = answer(listener)
			}
			failed <- fmt.Errorf("%s: %w", kind, err)
		}()
	}
	return <-failed
}

func servers(name string) map[string]func(net.Listener) error {
	return map[string]func(net.Listener) error{
		"tcp":       func(listener net.Listener) error { return serveTCP(name, listener) },
		"http2":     http2Server(name).Serve,
		"websocket": (&http.Server{Handler: websocketHandler(name)}).Serve,
	}
}

func serveTCP(name string, listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			answerLines(name, connection, connection, func() {})
		}()
	}
}

func http2Server(name string) *http.Server {
	server := &http.Server{Protocols: cleartextHTTP2()}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flush := func() { _ = http.NewResponseController(w).Flush() }
		flush()
		answerLines(name, r.Body, w, flush)
	})
	return server
}

func cleartextHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

func answerLines(name string, from io.Reader, to io.Writer, flush func()) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if _, err := fmt.Fprintf(to, "%s %s\n", name, lines.Text()); err != nil {
			return
		}
		flush()
	}
}

func websocketHandler(name string) http.Handler {
	upgrader := websocket.Upgrader{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer connection.Close()
		for {
			_, message, err := connection.ReadMessage()
			if err != nil {
				return
			}
			answer := fmt.Appendf(nil, "%s %s", name, message)
			if connection.WriteMessage(websocket.TextMessage, answer) != nil {
				return
			}
		}
	})
}
